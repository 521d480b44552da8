"""Token shards as read: `train*.bin` or `val*.bin` of a folder, mapped into memory and checked.

The loader and the validation set read tokens through it; nothing is copied until a window is asked for.
Files of `prepare` carry a header; headerless files of uint16, as nanoGPT writes them, are read too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data import meta as meta_file
from engine.data import shard_format
from engine.errors import SlotdeckError

TokenArray = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]

PREPARE = "prepare the data again with `slotdeck prepare`"
SCAN_TOKENS = 1 << 28
"""Headerless shards up to this many tokens are searched whole for their largest id (a quarter of a second);
larger ones at 64 places. The loader checks every batch as well, so no wrong id reaches a model either way."""


@dataclass(frozen=True, slots=True)
class Shards:
    """The tokens of one split, in order."""

    data_dir: Path
    split: str
    tokens: tuple[TokenArray, ...]
    """One memory map per file, 1-D."""
    paths: tuple[Path, ...]
    vocab_size: int
    """Of the tokenizer; of headerless files the largest id + 1, which is a lower bound."""
    vocab_hash: str
    """64 hex digits; empty for headerless files, which do not name their vocabulary."""
    max_id: int
    token_bytes: int

    @property
    def num_tokens(self) -> int:
        return sum(len(t) for t in self.tokens)

    @property
    def headerless(self) -> bool:
        return not self.vocab_hash

    @property
    def dtype(self) -> str:
        return "uint16" if self.token_bytes == 2 else "uint32"

    @classmethod
    def open(cls, data_dir: Path | str, split: str) -> Shards:
        """Map the shards of `split` ("train" or "val") and check what can be checked without reading them.

        Raises:
            SlotdeckError: no such folder or no shards in it; a shard that is cut short, damaged, missing,
                of another vocabulary than its neighbours, or not in a format this program reads.
        """
        folder = Path(data_dir)
        if not folder.is_dir():
            raise SlotdeckError(
                f"no data folder {folder}", "make one with `slotdeck prepare INPUT --out DIR`"
            )
        meta = meta_file.read(folder)
        paths = sorted(folder.glob(f"{split}*.bin"))
        if not paths:
            raise SlotdeckError(f"no {split} tokens in {folder}", _no_shards_remedy(split))
        opened = [_open_shard(path) for path in paths]
        headers = [header for header, _ in opened]
        for path, header in zip(paths, headers, strict=True):
            _check_same(paths[0], headers[0], path, header)
        first = headers[0]
        tokens = tuple(array for _, array in opened)
        if meta is not None:
            expected = meta.train if split == "train" else meta.val
            _check_meta(folder, split, meta, expected, first, len(paths), sum(map(len, tokens)))
        if first is None:
            max_id = max(map(_largest_id, tokens))
            return cls(folder, split, tokens, tuple(paths), max_id + 1, "", max_id, 2)
        max_id = max(h.max_id for h in headers if h is not None)
        return cls(
            folder, split, tokens, tuple(paths), first.vocab_size, first.vocab_hash, max_id, first.token_bytes
        )

    def check_vocab(self, model_vocab: int, vocab_hash: str = "") -> None:
        """Every id must have a row in a model of `model_vocab` rows, and mean what it meant.

        `vocab_hash` is that of the vocabulary the model was trained with, where it is known (a resumed run).

        Raises:
            SlotdeckError: the model has too few rows, or another vocabulary.
        """
        need = max(self.max_id + 1, 0 if self.headerless else self.vocab_size)
        if need > model_vocab:
            raise SlotdeckError(
                f"{self.data_dir} has a vocabulary of {need:,}, but the model's vocab_size is {model_vocab}",
                f"set model.vocab_size to 0 or at least {need}, or use data of the model's tokenizer",
            )
        if vocab_hash and self.vocab_hash and vocab_hash != self.vocab_hash:
            raise SlotdeckError(
                f"{self.data_dir} was prepared with another vocabulary ({self.vocab_hash[:12]}) "
                f"than the model was trained with ({vocab_hash[:12]})",
                "prepare the data with the model's tokenizer.json",
            )


def _open_shard(path: Path) -> tuple[shard_format.ShardHeader | None, TokenArray]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(shard_format.HEADER_BYTES)
    except OSError as error:
        raise SlotdeckError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
    if not start:
        raise SlotdeckError(f"{path} is empty", PREPARE)
    if start.startswith(shard_format.LLMC_MAGIC):
        raise SlotdeckError(f"{path} is a shard of llm.c, which is not read", PREPARE)
    if not start.startswith(shard_format.MAGIC):
        if size % 2:
            raise SlotdeckError(
                f"{path} has no header and an odd length ({size} bytes), so it is not uint16 tokens",
                "it may be cut short or of another kind; " + PREPARE,
            )
        return None, np.memmap(path, np.dtype("<u2"), "r")
    try:
        header = shard_format.unpack(start)
    except ValueError as error:
        raise SlotdeckError(f"{path} cannot be read: {error}", PREPARE) from None
    held = (size - shard_format.HEADER_BYTES) / header.token_bytes
    if held != header.num_tokens:
        fault = "is cut short" if held < header.num_tokens else "is too long"
        raise SlotdeckError(
            f"{path} {fault}: its header counts {header.num_tokens:,} tokens, the file holds {held:,.10g}",
            "copy it again from its source, or " + PREPARE,
        )
    if header.num_tokens == 0:
        raise SlotdeckError(f"{path} holds no tokens", PREPARE)
    dtype = np.dtype(f"<u{header.token_bytes}")
    return header, np.memmap(path, dtype, "r", offset=shard_format.HEADER_BYTES)


def _check_same(
    first_path: Path,
    first: shard_format.ShardHeader | None,
    path: Path,
    header: shard_format.ShardHeader | None,
) -> None:
    if (first is None) != (header is None):
        plain, headed = (first_path, path) if first is None else (path, first_path)
        raise SlotdeckError(
            f"{plain.name} has no header but {headed.name} has one", "keep one kind in a folder"
        )
    if first is None or header is None:
        return
    if (first.vocab_hash, first.vocab_size, first.token_bytes) != (
        header.vocab_hash,
        header.vocab_size,
        header.token_bytes,
    ):
        raise SlotdeckError(
            f"{path} is of another vocabulary ({header.vocab_size:,} entries, {header.vocab_hash[:12]}) "
            f"than {first_path.name} ({first.vocab_size:,} entries, {first.vocab_hash[:12]})",
            "keep shards of one vocabulary in a folder",
        )


def _check_meta(
    folder: Path,
    split: str,
    meta: meta_file.Meta,
    expected: meta_file.Split,
    first: shard_format.ShardHeader | None,
    num_shards: int,
    num_tokens: int,
) -> None:
    if first is None or first.vocab_hash != meta.vocab_hash:
        raise SlotdeckError(
            f"the {split} shards in {folder} are not of the vocabulary that {meta_file.NAME} names", PREPARE
        )
    if (num_shards, num_tokens) != (expected.shards, expected.tokens):
        raise SlotdeckError(
            f"{folder} holds {num_shards} {split} shards with {num_tokens:,} tokens, "
            f"but {meta_file.NAME} counts {expected.shards} with {expected.tokens:,}",
            "copy what is missing, or " + PREPARE,
        )


def _largest_id(tokens: TokenArray) -> int:
    if len(tokens) <= SCAN_TOKENS:
        return int(tokens.max())
    places = np.linspace(0, len(tokens) - SCAN_TOKENS // 64, 64, dtype=np.int64)
    return max(int(tokens[p : p + SCAN_TOKENS // 64].max()) for p in places)


def _no_shards_remedy(split: str) -> str:
    if split == "val":
        return "prepare the data again with a larger --val-share, or add a val.bin"
    return "make them with `slotdeck prepare INPUT --out DIR`"
