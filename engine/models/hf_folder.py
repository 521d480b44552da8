"""The tensors of a Hugging Face folder: one `model.safetensors`, or shards under an index.

`engine.models.hf` asks what is there, by name, shape and type, from the headers alone; a tensor is read only
when it is asked for. Never pickle: `pytorch_model.bin` can run whatever it likes when it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import SlotdeckError
from engine.text import one_line

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PREFIX = "transformer."
"""Of every name but the head's, where the folder was saved with its head."""
AGAIN = "copy the folder again from its source"


class Index(msgspec.Struct, frozen=True):
    """Which shard holds which tensor."""

    weight_map: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as its file's header tells of it."""

    path: Path
    name: str
    """In the file."""
    shape: tuple[int, ...]
    dtype: str
    """safetensors' name: `F32`, `BF16`."""

    def read(self) -> Tensor:
        """The tensor, on the CPU."""
        with safe_open(self.path, framework="pt") as file:
            return file.get_tensor(self.name)


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor of the folder by its name without the prefix.

    Raises:
        SlotdeckError: no such folder, no safetensors in it, or a file that is missing, cut short or no such file.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise SlotdeckError(f"{folder} {what}", "name a folder with config.json and model.safetensors")
    if (folder / SINGLE).is_file():
        return _headers(folder / SINGLE)
    if (folder / INDEX).is_file():
        return _sharded(folder)
    if pickles := sorted(path.name for path in folder.glob("*.bin")):
        raise SlotdeckError(
            f"{folder} has {pickles[0]} but no {SINGLE}: that is pickle, which can run code and is never opened",
            f"if you trust it: slotdeck import-checkpoint {folder / pickles[0]} --to DIR",
        )
    raise SlotdeckError(f"{folder} has no {SINGLE}", "name a folder with config.json and model.safetensors")


def _sharded(folder: Path) -> dict[str, Stored]:
    path = folder / INDEX
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SlotdeckError(f"{path} cannot be read: {one_line(str(error), 200)}", AGAIN) from None
    found: dict[str, Stored] = {}
    for shard in sorted(set(index.weight_map.values())):
        if Path(shard).name != shard:
            raise SlotdeckError(f"{path} names a file outside its folder: {one_line(shard, 80)}", AGAIN)
        if not (folder / shard).is_file():
            raise SlotdeckError(f"{folder} lacks {one_line(shard, 80)}, which its index names", AGAIN)
        found |= _headers(folder / shard)
    if lost := sorted(name for name in index.weight_map if name.removeprefix(PREFIX) not in found):
        raise SlotdeckError(
            f"{folder}: the index names {len(lost)} tensors that no shard holds: "
            + ", ".join(one_line(name, 80) for name in lost[:3]),
            AGAIN,
        )
    return found


def _headers(path: Path) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                stored = Stored(path, name, tuple(part.get_shape()), part.get_dtype())
                found[name.removeprefix(PREFIX)] = stored
    except SafetensorError as error:
        why = one_line(str(error), 200)
        raise SlotdeckError(f"{path} is damaged, cut short or not safetensors: {why}", AGAIN) from None
    except OSError as error:
        why = error.strerror or one_line(str(error), 200)
        raise SlotdeckError(f"{path} cannot be read: {why}", "check its permissions") from None
    return found
