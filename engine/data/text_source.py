"""Documents from plain text files.

A file is one document up to `WHOLE` characters, which suits a folder of articles. A longer file is cut into
documents: at the first blank line after `WHOLE`, else at the first line end after `LINE`, else at `HARD`.
So a book of any size streams, and has parts for both training and validation.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from engine.data.documents import Batch, Tally
from engine.errors import SlotdeckError

WHOLE = 16 << 10
LINE = 64 << 10
HARD = 1 << 20
_READ = 1 << 20


def check_encoding(encoding: str) -> None:
    """Raises:
    SlotdeckError: Python knows no such text encoding.
    """
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError):
        raise SlotdeckError(
            f"unknown encoding {encoding!r}", "use a name such as utf-8, utf-16, latin-1 or cp1252"
        ) from None


def read(path: Path, encoding: str, tally: Tally) -> Iterator[Batch]:
    """The file's documents in order. A byte-order mark is dropped, line ends become newlines.

    Raises:
        SlotdeckError: the file is not in `encoding`. It has no rows to skip.
    """
    left = ""
    counted = found = 0
    for piece, position in decoded(path, encoding):
        documents, left = cut(left + piece)
        found += len(documents)
        yield Batch(documents, position - counted)
        counted = position
    if left.strip():
        yield Batch([left], 0)
    elif not found:
        tally.empty()


def decoded(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Pieces of about a megabyte of decoded text, each with the file position after it.

    Raises:
        SlotdeckError: bytes that are not in `encoding`, with their place.
    """
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    decoder = codecs.getincrementaldecoder(name)()
    position = line = 0
    held_return = ""
    with path.open("rb") as file:
        while True:
            data = file.read(_READ)
            # The decoder keeps an unfinished character back; its bytes come before this piece's.
            pending = len(decoder.getstate()[0]) if position else 0
            try:
                piece = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                wrong = error.object[error.start]
                at = position - pending + error.start
                line += error.object[: error.start].count(b"\n") + 1
                raise SlotdeckError(
                    f"{path} is not {encoding}: byte 0x{wrong:02x} at {at:,}, line {line:,}",
                    _encoding_remedy(error.object),
                ) from None
            except UnicodeError as error:  # UTF-16 and UTF-32 without a byte-order mark
                raise SlotdeckError(f"{path} is not {encoding}: {error}", _encoding_remedy(b"")) from None
            line += data.count(b"\n")
            position += len(data)
            piece = held_return + piece
            held_return = ""
            if piece.endswith("\r") and data:
                piece, held_return = piece[:-1], "\r"
            if piece:
                yield piece.replace("\r\n", "\n").replace("\r", "\n"), position
            if not data:
                return


def cut(text: str) -> tuple[list[str], str]:
    """Documents off the front of `text`, and what is left for the next call."""
    documents: list[str] = []
    start = 0
    while len(text) - start > WHOLE:
        end = text.find("\n\n", start + WHOLE)
        end = end + 2 if end >= 0 else 0
        if not end or end - start > LINE:
            line_end = text.find("\n", start + LINE) + 1
            end = line_end if line_end and line_end - start <= HARD else 0
        if not end:
            if len(text) - start <= HARD:
                break
            end = start + HARD
        documents.append(text[start:end])
        start = end
    return [d for d in documents if d.strip()], text[start:]


def _encoding_remedy(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it looks like UTF-16: add --encoding utf-16"
    return "name its encoding with --encoding, for instance latin-1"
