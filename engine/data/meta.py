"""`meta.json`: what a prepared folder holds, written by `prepare` and read when shards are opened."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import SlotdeckError

NAME = "meta.json"
TOKENIZER_NAME = "tokenizer.json"
FORMAT = "slotdeck-tokens"


class Split(msgspec.Struct, frozen=True):
    """Counts of one split, end-of-text tokens included."""

    shards: int = 0
    documents: int = 0
    tokens: int = 0


class Skipped(msgspec.Struct, frozen=True):
    """Rows that gave no document, by reason."""

    nulls: int = 0
    invalid_utf8: int = 0
    not_text: int = 0
    """JSON values that are no strings."""
    empty: int = 0
    """Strings of length zero; they are no fault."""

    @property
    def bad(self) -> int:
        return self.nulls + self.invalid_utf8 + self.not_text


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """The same inputs, tokenizer and seed give the same bytes: it holds no times and no paths."""

    format: str = FORMAT
    version: int = 1
    vocab_size: int
    vocab_hash: str
    eot_id: int
    eot_token: str
    token_bytes: int
    max_id: int
    train: Split
    val: Split
    skipped: Skipped
    val_share: float
    seed: int
    text_column: str
    text_key: str
    label: str = ""
    """Whatever the caller uses to recognise its own result."""
    inputs: tuple[str, ...] = ()
    """Names of the first input files, for people."""


def read(data_dir: Path) -> Meta | None:
    """The folder's meta.json, or None where there is none (headerless shards have none).

    Raises:
        SlotdeckError: it is there, but is not one.
    """
    path = data_dir / NAME
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=Meta)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SlotdeckError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SlotdeckError(f"{path} cannot be read: {error}", "prepare the data again") from None
    if meta.format != FORMAT or meta.version != 1:
        raise SlotdeckError(
            f"{path} is {meta.format} version {meta.version}, and this program reads {FORMAT} version 1",
            "prepare the data again",
        )
    return meta


def encode(meta: Meta) -> bytes:
    return msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n"
