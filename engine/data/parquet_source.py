"""Documents from a text column of a parquet file, one row a document, read a few rows at a time.

Memory is bounded by one row group's pages of one column. Bytes are decoded here and not by Arrow, which
takes a string column's word for being UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.data.documents import Batch, Tally
from engine.errors import SlotdeckError, nearest
from engine.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 64
"""Rows decoded at a time: few, because a row may be a whole book."""
BATCH_BYTES = 1 << 20
"""Text handed on at a time: large enough that hand-over costs nothing, small enough to keep workers even."""


def check(path: Path, column: str) -> None:
    """Read the footer only.

    Raises:
        SlotdeckError: not parquet, no such column, or a column that is not text.
    """
    with _open(path) as file:
        schema = file.schema_arrow
        if column not in schema.names:
            names = ", ".join(one_line(n, 40) for n in schema.names[:20]) or "none"
            raise SlotdeckError(
                f"{path} has no column {column!r}{nearest(column, schema.names)}; its columns are: {names}",
                "choose one with --text-column",
            )
        kind = schema.field(column).type
        if not _is_text(kind):
            texts = [n for n in schema.names if _is_text(schema.field(n).type)]
            raise SlotdeckError(
                f"column {column!r} of {path} holds {kind}, not text; columns of text: "
                + (", ".join(one_line(n, 40) for n in texts[:20]) or "none"),
                "choose one with --text-column",
            )


def read(path: Path, column: str, tally: Tally) -> Iterator[Batch]:
    """The column's documents in order; nulls, invalid UTF-8 and empty rows go to `tally`.

    Raises:
        SlotdeckError: a row group cannot be read, or `tally` refuses a row.
    """
    import pyarrow as pa

    size = path.stat().st_size
    texts: list[str] = []
    held = row = counted = 0
    with _open(path) as file:
        rows = max(file.metadata.num_rows, 1)
        try:
            for table in file.iter_batches(ROWS, columns=[column], use_threads=False):
                for value in table.column(0).cast(pa.large_binary()).to_pylist():
                    text = _decode(value, path, row, tally)
                    row += 1
                    if text:
                        texts.append(text)
                        held += len(value)
                    if held >= BATCH_BYTES:
                        reached = size * row // rows
                        yield Batch(texts, reached - counted)
                        counted, texts, held = reached, [], 0
        except (pa.ArrowException, OSError) as error:
            raise SlotdeckError(
                f"{path} cannot be read beyond row {row:,}: {one_line(str(error), 160)}",
                "fetch the file again",
            ) from None
    yield Batch(texts, size - counted)


def _decode(value: bytes | None, path: Path, row: int, tally: Tally) -> str:
    if value is None:
        tally.bad("nulls", f"{path}, row {row} (the first is 0)")
        return ""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        tally.bad("invalid_utf8", f"{path}, row {row} (the first is 0)")
        return ""
    if not text:
        tally.empty()
    return text


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    checks = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_binary,
        types.is_large_binary,
    )
    return any(is_kind(kind) for is_kind in checks)


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Buffering ahead is the default, and keeps what it has buffered: memory would grow with the file.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        _ = file.schema_arrow.names
        return file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: damaged column names
        raise SlotdeckError(
            f"{path} is not a readable parquet file: {one_line(str(error), 160)}",
            "fetch it again, or name another",
        ) from None
