"""`slotdeck import-checkpoint`: a PyTorch file of GPT-2 weights, once, into a folder that `model.init_from` takes.

The only place in this project where pickle is read, and only through `torch.load(weights_only=True)`, which builds
tensors and plain values and calls nothing else. That is a filter and no wall: import what you would trust anyway.
Names are GPT-2's, as Hugging Face's `pytorch_model.bin` and nanoGPT's `ckpt.pt` have them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine.checkpoint.manifest import seal
from engine.data.staging import staged, write_file
from engine.errors import SlotdeckError
from engine.models import hf_config
from engine.models.hf import BUFFER, HEAD
from engine.models.hf_folder import PREFIX, SINGLE
from engine.shrink.export import SIDECAR, check_free, pretty, save_tensors
from engine.text import one_line

INSIDE = ("model", "state_dict", "model_state_dict", "module")
"""Keys under which a training checkpoint keeps the weights."""
WRAPPERS = re.compile(r"^(?:(?:_orig_mod|module|model)\.)+")
"""What `torch.compile`, DistributedDataParallel and Lightning put before every name."""
STEM = {"wte.weight": "Vd", "wpe.weight": "Td", "ln_f.weight": "d", "ln_f.bias": "d"}
BLOCK = {
    "ln_1.weight": "d",
    "ln_1.bias": "d",
    "attn.c_attn.weight": "d3",
    "attn.c_attn.bias": "3",
    "attn.c_proj.weight": "dd",
    "attn.c_proj.bias": "d",
    "ln_2.weight": "d",
    "ln_2.bias": "d",
    "mlp.c_fc.weight": "d4",
    "mlp.c_fc.bias": "4",
    "mlp.c_proj.weight": "4d",
    "mlp.c_proj.bias": "d",
}
"""Shapes as a Conv1D has them: V ids, T positions, d the width, 3 and 4 times the width."""
TRUST = "ask its maker for safetensors, or convert it where you trust it"


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written."""

    folder: Path
    n_layer: int
    n_head: int
    n_embd: int
    seq_len: int
    vocab_size: int
    num_params: int
    notes: list[str]


def import_checkpoint(
    file: Path, to: Path, *, n_head: int = 0, overwrite: bool = False, version: str, now_s: float
) -> Imported:
    """Write the folder.

    Args:
        file: what `torch.save` wrote: a state dict, or a dict that holds one.
        to: the folder to make.
        n_head: where neither the file nor a `config.json` beside it says.
        overwrite: an earlier import or export in `to` may be replaced; nothing else ever is.
        version: of this program, for the sidecar.
        now_s: Unix time, for the sidecar.

    Raises:
        SlotdeckError: the file is not weights, or not GPT-2's, or the place does not allow it.
    """
    check_free(to, overwrite)
    found = _read(file)
    told = found.get("model_args") if isinstance(found, dict) else None
    tensors = _named(file, _state_dict(file, found))
    notes: list[str] = []
    if isinstance(told, dict) and "block_size" in told:
        notes.append(
            "nanoGPT computes GELU exactly, the decoder by tanh: the loss may differ in the third digit"
        )
    sizes = _sizes(file, tensors)
    _orient(tensors, sizes)
    heads = n_head or _heads(file, told)
    if heads < 1 or sizes["d"] % heads:
        raise SlotdeckError(f"{file}: {heads} heads do not divide a width of {sizes['d']}", "mend --n-head")
    whole = _whole(file, tensors, sizes)
    dtype = str(whole["wte.weight"].dtype).removeprefix("torch.")
    config = hf_config.to_json(
        n_layer=sizes["n_layer"], n_head=heads, n_embd=sizes["d"], n_positions=sizes["T"],
        vocab_size=sizes["V"], eot_id=None, dtype=dtype,
    )  # fmt: skip
    try:
        with staged(to, option="--to") as folder:
            save_tensors(folder / SINGLE, {PREFIX + name: tensor for name, tensor in whole.items()})
            write_file(folder / hf_config.NAME, config)
            story = {
                "made_by": f"slotdeck {version}",
                "made_wall_s": now_s,
                "source": file.name,
                "source_sha256": seal(file).sha256,
                "files": {path.name: seal(path) for path in sorted(folder.iterdir())},
            }
            write_file(folder / SIDECAR, pretty(story))
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or one_line(str(error), 200)
        raise SlotdeckError(
            f"{to} cannot be written: {why}", "choose another --to, or free some space"
        ) from None
    return Imported(
        folder=to, n_layer=sizes["n_layer"], n_head=heads, n_embd=sizes["d"], seq_len=sizes["T"],
        vocab_size=sizes["V"], num_params=sum(t.numel() for t in whole.values()), notes=notes,
    )  # fmt: skip


def _read(file: Path) -> Any:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise SlotdeckError(f"{file} cannot be read: {error.strerror}", "name a file of torch.save") from None
    try:
        with stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how it was written; what it holds is judged below
            return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes made to break it: whatever they raise, they are refused
        # Torch says at length how to load it all the same; what the file would have run is worth a word.
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        why = f": it asks for {one_line(asked[1], 80)}" if asked else ""
        raise SlotdeckError(f"{file} is not only weights, or damaged{why}", TRUST) from None


def _state_dict(file: Path, found: Any) -> Mapping[str, Tensor]:
    for key in ("", *INSIDE):
        inner = (found if not key else found.get(key)) if isinstance(found, dict) else None
        if isinstance(inner, dict) and inner and all(isinstance(t, Tensor) for t in inner.values()):
            return inner
    raise SlotdeckError(f"{file} holds no table of tensors", f"look for one under {', '.join(INSIDE)}")


def _named(file: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by GPT-2's names without prefix; each one dense, real and no larger than its storage."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        short = WRAPPERS.sub("", str(name)).removeprefix(PREFIX)
        if BUFFER.fullmatch(short):
            continue
        shown = one_line(short, 80)
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise SlotdeckError(f"{file}: {shown} is no plain tensor", TRUST)
        if not tensor.is_floating_point():
            raise SlotdeckError(f"{file}: {shown} is {tensor.dtype}, not floating point", TRUST)
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise SlotdeckError(f"{file}: {shown} claims more numbers than it has", TRUST)
        tensors[short] = tensor.detach()
    head = tensors.pop(HEAD, None)
    if head is not None and "wte.weight" in tensors and not head.equal(tensors["wte.weight"]):
        raise SlotdeckError(f"{file}: {HEAD} is not wte, and the decoder's head is", "tie them before saving")
    return tensors


def _sizes(file: Path, tensors: Mapping[str, Tensor]) -> dict[str, int]:
    if lost := [n for n in ("wte.weight", "wpe.weight") if n not in tensors or tensors[n].dim() != 2]:
        names = ", ".join(one_line(name, 60) for name in sorted(tensors)[:3])
        raise SlotdeckError(
            f"{file}: no {lost[0]} among its tensors ({names} ...)", "take weights of GPT-2's kind"
        )
    blocks = {int(match[1]) for name in tensors if (match := re.match(r"h\.(\d{1,6})\.", name))}
    if blocks != set(range(len(blocks))) or not blocks:
        raise SlotdeckError(f"{file}: its blocks are not numbered from 0 without a gap", "take a whole model")
    (vocab, width), (positions, _) = tensors["wte.weight"].shape, tensors["wpe.weight"].shape
    return {"V": vocab, "T": positions, "d": width, "3": 3 * width, "4": 4 * width, "n_layer": len(blocks)}


def _orient(tensors: dict[str, Tensor], sizes: Mapping[str, int]) -> None:
    """Turn the matrices of linear layers, (out, in), into those of Conv1D, (in, out), if that is what they are."""
    first = tensors.get("h.0.attn.c_attn.weight")
    if first is None or tuple(first.shape) != (sizes["3"], sizes["d"]):
        return  # of Conv1D already, or wrong: the shapes are judged next
    for name in tensors:
        if re.fullmatch(r"h\.\d+\.(attn|mlp)\.c_\w+\.weight", name) and tensors[name].dim() == 2:
            tensors[name] = tensors[name].T


def _whole(file: Path, tensors: Mapping[str, Tensor], sizes: Mapping[str, int]) -> dict[str, Tensor]:
    """Every tensor of such a GPT-2, in order; a bias that the model did without is zero."""
    wanted = dict(STEM)
    for block in range(sizes["n_layer"]):
        wanted |= {f"h.{block}.{name}": shape for name, shape in BLOCK.items()}
    whole: dict[str, Tensor] = {}
    odd = [f"{one_line(name, 60)} is nothing GPT-2 has" for name in sorted(tensors) if name not in wanted]
    for name, letters in wanted.items():
        shape = tuple(sizes[letter] for letter in letters)
        tensor = tensors.get(name)
        if tensor is None and name.endswith(".bias"):
            tensor = torch.zeros(shape, dtype=tensors["wte.weight"].dtype)
        if tensor is None:
            odd.append(f"{name} is missing")
        elif tuple(tensor.shape) != shape:
            odd.append(f"{name} is {'x'.join(map(str, tensor.shape))}, not {'x'.join(map(str, shape))}")
        else:
            whole[name] = tensor.contiguous()
    if odd:
        more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
        raise SlotdeckError(
            f"{file} is not a GPT-2: {'; '.join(odd[:3])}{more}", "take weights of GPT-2's kind"
        )
    return whole


def _heads(file: Path, told: Any) -> int:
    """From the file itself, or from a `config.json` beside it."""
    if isinstance(told, dict) and isinstance(n_head := told.get("n_head"), int):
        return n_head
    if (file.parent / hf_config.NAME).is_file():
        return hf_config.read(file.parent).n_head
    raise SlotdeckError(f"{file} does not say how many heads it has", "give --n-head, 12 for GPT-2 small")
