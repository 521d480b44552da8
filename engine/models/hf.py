"""GPT-2's weights in the Hugging Face layout, into our decoder and out of it.

    ours                         theirs, below `transformer.`
    wte  wpe  norm_final         wte  wpe  ln_f
    blocks.i.norm_attention      h.i.ln_1
    blocks.i.qkv                 h.i.attn.c_attn      weight transposed: theirs is (in, out)
    blocks.i.attention_out       h.i.attn.c_proj      weight transposed
    blocks.i.norm_mlp            h.i.ln_2
    blocks.i.mlp_in              h.i.mlp.c_fc         weight transposed
    blocks.i.mlp_out             h.i.mlp.c_proj       weight transposed
    the head is wte              lm_head.weight, if it is written at all, equals wte

Two things differ. Our token table is padded to a multiple of 64 rows: going out the real rows are written,
coming in the padding becomes the mean of the real ones. The mean's logit is the mean logit, so a padded id can
never win, and the loss is too high by log(1 + padding / vocabulary) at most (0.0009 nats at GPT-2's 50,257).
Zeros would be wrong: GPT-2's logits lie far below 0. And GPT-2 always has biases: a model without any gets
zeros going out, and takes only zeros coming in.

`load_weights` is called by `engine.train` for `model.init_from`, `hf_tensors` by `engine.shrink` for the export.
Nothing is loaded before every name, shape and setting was found to fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from engine.errors import SlotdeckError
from engine.models import hf_config
from engine.models.decoder import Block, Decoder
from engine.models.hf_config import GPT2Config
from engine.models.hf_folder import AGAIN, PREFIX, Stored, stored_tensors
from engine.text import one_line

HEAD = "lm_head.weight"
BUFFER = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")
"""The causal mask, which early folders hold beside the weights."""
FLOATS = {"F64", "F32", "F16", "BF16"}
STEM = {"wte": "wte", "wpe": "wpe", "norm_final": "ln_f"}
BLOCK = {
    "norm_attention": "ln_1",
    "qkv": "attn.c_attn",
    "attention_out": "attn.c_proj",
    "norm_mlp": "ln_2",
    "mlp_in": "mlp.c_fc",
    "mlp_out": "mlp.c_proj",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of theirs and the parameter of ours that it is."""

    theirs: str
    """Without the prefix."""
    ours: str
    """The model may lack it if it is a bias."""
    shape: tuple[int, ...]
    """Theirs."""
    transposed: bool = False


def load_weights(model: Decoder, folder: Path) -> str:
    """Fill the model with the folder's weights; gates stay as they are.

    Returns:
        What was taken, as one line.

    Raises:
        SlotdeckError: the folder cannot be read, or does not fit: every difference is named, and the model is
            as it was.
    """
    stored = stored_tensors(folder)
    config = hf_config.read(folder)
    _check_sizes(model, config, folder)
    pairs = list(_pairs(model, config.vocab_size))
    parameters = dict(model.named_parameters())
    if odd := _differences(pairs, parameters, stored):
        many = "1 tensor differs" if len(odd) == 1 else f"{len(odd)} tensors differ"
        raise SlotdeckError(
            f"{folder} does not fit the model, {many}: {'; '.join(_gathered(odd))}",
            "set model.bias=true" if all(what == BIASED for _, what in odd) else AGAIN,
        )
    with torch.no_grad():
        for pair in pairs:
            if pair.ours not in parameters:
                continue
            ours: Tensor = parameters[pair.ours]
            tensor = stored[pair.theirs].read()
            if ours is model.wte.weight:
                ours[config.vocab_size :] = tensor.double().mean(dim=0)
                ours = ours[: config.vocab_size]
            ours.copy_(tensor.T if pair.transposed else tensor)
    padding = model.wte.num_embeddings - config.vocab_size
    padded = f", {padding} rows of padding at their mean" if padding else ""
    return f"{len(model.remaining)} blocks, vocabulary {config.vocab_size:,}{padded}"


def hf_tensors(model: Decoder, dtype: torch.dtype) -> dict[str, Tensor]:
    """The model's weights by GPT-2's names, gates folded in, the vocabulary without its padding.

    Args:
        model: on the CPU, its parameters fp32.
        dtype: of the tensors returned; fp32 is exact.
    """
    ours: dict[str, Tensor] = {name: p.detach() for name, p in model.named_parameters()}
    for i, block in _blocks(model):
        ours |= {f"blocks.{i}.{name}": tensor for name, tensor in block.folded().items()}
    tensors: dict[str, Tensor] = {}
    for pair in _pairs(model, model.vocab_size):
        tensor = ours.get(pair.ours, torch.zeros(pair.shape))
        tensor = tensor.T if pair.transposed else tensor[: pair.shape[0]]
        tensors[PREFIX + pair.theirs] = tensor.to(dtype).contiguous()
    return tensors


def _blocks(model: Decoder) -> list[tuple[int, Block]]:
    """Those that are there, with their numbers; going out they are numbered afresh."""
    return [(i, cast("Block", model.blocks[i])) for i in model.remaining]


def _pairs(model: Decoder, vocab_size: int) -> Iterator[Pair]:
    """Every tensor of a GPT-2 of this model's sizes, biases included."""
    for ours, theirs in STEM.items():
        yield from _parts(getattr(model, ours), ours, theirs, vocab_size)
    for h, (i, block) in enumerate(_blocks(model)):
        for ours, theirs in BLOCK.items():
            yield from _parts(getattr(block, ours), f"blocks.{i}.{ours}", f"h.{h}.{theirs}", vocab_size)


def _parts(module: nn.Module, ours: str, theirs: str, vocab_size: int) -> Iterator[Pair]:
    weight = module.get_parameter("weight")
    linear = isinstance(module, nn.Linear)
    shape = tuple(reversed(weight.shape)) if linear else tuple(weight.shape)
    if ours == "wte":
        shape = (vocab_size, *shape[1:])
    yield Pair(f"{theirs}.weight", f"{ours}.weight", shape, transposed=linear)
    if not isinstance(module, nn.Embedding):
        yield Pair(f"{theirs}.bias", f"{ours}.bias", (weight.shape[0],))


def _check_sizes(model: Decoder, config: GPT2Config, folder: Path) -> None:
    """The sizes that the folder tells against the profile's, and a remedy that names the keys."""
    there = {"n_layer": config.n_layer, "n_head": config.n_head}
    there |= {"n_embd": config.n_embd, "seq_len": config.n_positions}
    here = {"n_layer": len(model.remaining), "n_head": _blocks(model)[0][1].n_head}
    here |= {"n_embd": model.wpe.embedding_dim, "seq_len": model.seq_len}
    told, remedies = [], []
    if keys := [key for key in there if there[key] != here[key]]:
        told += [
            f"{'n_positions' if k == 'seq_len' else k} is {there[k]} there and {here[k]} here" for k in keys
        ]
        remedies.append("set " + " ".join(f"model.{key}={there[key]}" for key in keys))
    if config.vocab_size < model.vocab_size:
        told.append(f"vocab_size is {config.vocab_size} there and the data has {model.vocab_size} ids")
        remedies.append(f"prepare the data with its tokenizer: slotdeck prepare --tokenizer {folder}")
    elif config.vocab_size > model.wte.num_embeddings:
        rows = model.wte.num_embeddings
        told.append(f"vocab_size is {config.vocab_size} there and the model has room for {rows}")
        remedies.append(f"set model.vocab_size={config.vocab_size} if the data has the folder's ids")
    if told:
        raise SlotdeckError(f"{folder} does not fit the profile: {', '.join(told)}", ", and ".join(remedies))


BIASED = "is not zero, and model.bias is false"


def _differences(
    pairs: list[Pair], parameters: Mapping[str, Tensor], stored: Mapping[str, Stored]
) -> list[tuple[str, str]]:
    """Each tensor that keeps the folder from being this model, and why. Only heads and surplus biases are read."""
    odd: list[tuple[str, str]] = []
    for pair in pairs:
        found = stored.get(pair.theirs)
        if found is None:
            if pair.ours in parameters:
                odd.append((pair.theirs, "is missing"))
        elif fault := _fault(found, pair.shape):
            odd.append((pair.theirs, fault))
        elif pair.ours not in parameters and found.read().count_nonzero():
            odd.append((pair.theirs, BIASED))
    wanted = {pair.theirs: pair for pair in pairs}
    surplus = [name for name in stored if name not in wanted and name != HEAD and not BUFFER.fullmatch(name)]
    odd += [(name, "is nothing that the model has") for name in sorted(surplus)]
    if (head := stored.get(HEAD)) and "wte.weight" in stored:
        embedding = stored["wte.weight"]
        if fault := _fault(head, wanted["wte.weight"].shape):
            odd.append((HEAD, fault))
        elif not _fault(embedding, head.shape) and not head.read().equal(embedding.read()):
            odd.append((HEAD, "is not wte, and the decoder's head is"))
    return odd


def _fault(stored: Stored, shape: tuple[int, ...]) -> str:
    if stored.shape != shape:
        return f"is {_size(stored.shape)}, not {_size(shape)}"
    return "" if stored.dtype in FLOATS else f"is {stored.dtype}, not floating point"


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _gathered(odd: list[tuple[str, str]]) -> Iterator[str]:
    """The differences in words; one that several blocks share is said once, with their numbers."""
    blocks: dict[tuple[str, str], list[int]] = {}
    for name, what in odd:
        number = re.match(r"h\.(\d+)\.", name)
        key = (name.replace(number[0], "h.{}.", 1) if number else name, what)
        blocks.setdefault(key, []).extend([int(number[1])] if number else [])
    for (name, what), numbers in blocks.items():
        shown = name.replace("{}", _ranges(numbers), 1) if numbers else name
        yield f"{one_line(shown, 100)} {what}"


def _ranges(numbers: list[int]) -> str:
    """`3`, or `{0,2-11}`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return shown if len(numbers) == 1 else f"{{{shown}}}"
