"""Documents from JSON: `.jsonl`, one value a line, and `.json`, an array or any row of values.

A value is an object with the text under a key, or the text itself. Both readers stream: a `.json` file is
taken value by value, so an array of any length fits in memory.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.data import text_source
from engine.data.documents import Batch, Tally
from engine.errors import SlotdeckError, nearest
from engine.text import one_line

BATCH_CHARS = 1 << 20


def read_lines(path: Path, key: str, encoding: str, tally: Tally) -> Iterator[Batch]:
    """The documents of a `.jsonl` file; blank lines are passed over.

    Raises:
        SlotdeckError: a line that is not JSON (file:line), no such key in the first object, or a refused row.
    """
    taker = _Taker(path, key, tally)
    counted = 0
    for number, (line, position) in enumerate(_lines(path, encoding, tally), 1):
        if line is None or not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise _broken(path, number, error.msg, line[max(error.pos - 20, 0) : error.pos + 20]) from None
        except RecursionError:
            raise _broken(path, number, "nested too deeply", line[:40]) from None
        taker.take(value, number)
        if taker.held >= BATCH_CHARS:
            yield taker.batch(position - counted)
            counted = position
    yield taker.batch(path.stat().st_size - counted)


def read_values(path: Path, key: str, encoding: str, tally: Tally) -> Iterator[Batch]:
    """The documents of a `.json` file: the elements of its array, or its values one after another.

    Raises:
        SlotdeckError: not JSON (file:line), no such key in the first object, or a refused row.
    """
    taker = _Taker(path, key, tally)
    counted = 0
    for value, line, position in _values(path, encoding):
        taker.take(value, line)
        if taker.held >= BATCH_CHARS:
            yield taker.batch(position - counted)
            counted = position
    yield taker.batch(path.stat().st_size - counted)


class _Taker:
    """Takes the text out of values and gathers it into batches."""

    def __init__(self, path: Path, key: str, tally: Tally) -> None:
        self._path, self._key, self._tally = path, key, tally
        self._seen_key = False
        self._texts: list[str] = []
        self.held = 0

    def take(self, value: Any, line: int) -> None:
        place = f"{self._path}:{line}"
        if isinstance(value, dict):
            if self._key not in value and not self._seen_key:
                names = ", ".join(one_line(n, 40) for n in list(value)[:20]) or "none"
                raise SlotdeckError(
                    f"{place} has no key {self._key!r}{nearest(self._key, list(value))}; "
                    f"its keys are: {names}",
                    "choose one with --text-key",
                )
            self._seen_key = True
            value = value.get(self._key)
        if value is None:
            self._tally.bad("nulls", place)
        elif not isinstance(value, str):
            self._tally.bad("not_text", place)
        elif not value:
            self._tally.empty()
        elif not _encodable(value):
            self._tally.bad("invalid_utf8", place)
        else:
            self._texts.append(value)
            self.held += len(value)

    def batch(self, bytes_read: int) -> Batch:
        texts, self._texts, self.held = self._texts, [], 0
        return Batch(texts, bytes_read)


def _lines(path: Path, encoding: str, tally: Tally) -> Iterator[tuple[str | None, int]]:
    """Lines with the file position after each; None for one that is not valid UTF-8."""
    if codecs.lookup(encoding).name != "utf-8":
        # Elsewhere a newline byte may be half a character, and a wrong byte is a wrong encoding.
        left = ""
        for piece, position in text_source.decoded(path, encoding):
            *whole, left = (left + piece).split("\n")
            yield from ((line, position) for line in whole)
        yield left, path.stat().st_size
        return
    position = 0
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            position += len(data)
            if number == 1:
                if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise SlotdeckError(f"{path} is not utf-8 but looks like UTF-16", "add --encoding utf-16")
                data = data.removeprefix(b"\xef\xbb\xbf")
            try:
                yield data.decode(), position
            except UnicodeDecodeError:
                tally.bad("invalid_utf8", f"{path}:{number}")
                yield None, position


def _values(path: Path, encoding: str) -> Iterator[tuple[Any, int, int]]:
    """Each value with the line it begins on and the file position reached, parsed from pieces of the file."""
    decoder = json.JSONDecoder()
    pieces = text_source.decoded(path, encoding)
    text, position = next(pieces, ("", 0))
    in_array = text.lstrip().startswith("[")
    done = text.index("[") + 1 if in_array else 0
    line = 1 + text.count("\n", 0, done)
    while True:
        begin = _skip(text, done, ",")
        line += text.count("\n", done, begin)
        done = begin
        if in_array and text.startswith("]", done):
            return
        fault = None
        value, end = None, len(text)
        try:
            if done < len(text):
                value, end = decoder.raw_decode(text, done)
        except json.JSONDecodeError as error:
            fault = error
        except RecursionError:
            raise _broken(path, line, "nested too deeply", text[done : done + 40]) from None
        if end == len(text) and (fault is None or _may_go_on(fault)):
            # A value at the end of what is held may be half of one. Double what is held until it is whole,
            # so that a long one is parsed few times over.
            more = _gather(pieces, len(text) - done)
            if more is not None:
                text, position, done = text[done:] + more[0], more[1], 0
                continue
            if done == len(text):
                if not in_array:
                    return
                fault = json.JSONDecodeError("the file ends within its array", text, done)
        if fault is not None:
            at = line + text.count("\n", done, fault.pos)
            raise _broken(path, at, fault.msg, text[max(fault.pos - 20, 0) : fault.pos + 20])
        yield value, line, position
        line += text.count("\n", done, end)
        done = end


def _may_go_on(fault: json.JSONDecodeError) -> bool:
    """Whether more text could mend it: the text ends within a string, or within a word such as `false`."""
    return fault.msg.startswith("Unterminated string") or fault.pos > len(fault.doc) - 16


def _skip(text: str, start: int, separators: str) -> int:
    while start < len(text) and (text[start].isspace() or text[start] in separators):
        start += 1
    return start


def _gather(pieces: Iterator[tuple[str, int]], at_least: int) -> tuple[str, int] | None:
    gathered: list[str] = []
    held = position = 0
    while held <= at_least and (piece := next(pieces, None)) is not None:
        gathered.append(piece[0])
        held += len(piece[0])
        position = piece[1]
    return ("".join(gathered), position) if gathered else None


def _encodable(text: str) -> bool:
    """False for lone surrogates, which JSON's escapes can spell and no UTF-8 can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _broken(path: Path, line: int, reason: str, near: str) -> SlotdeckError:
    return SlotdeckError(
        f"{path}:{line} is not JSON: {reason} near {one_line(near, 60)!r}", "mend or remove that line"
    )
