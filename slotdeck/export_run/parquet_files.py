"""Parquet: a file a table, by pyarrow, in row groups of one batch; the schema is that of docs/export-run.md.

Texts are as they were logged: whoever shows them escapes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import slotdeck
from slotdeck.export_run.facts import RunFacts
from slotdeck.export_run.table import Row, Table
from slotdeck.export_run.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
"""Rises when a column is added."""
GROUP_ROWS = 65_536


class ParquetFiles:
    """Writes the tables as they come; tables without a row get a file too, so that a query never lacks one."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        import pyarrow.parquet as pq

        about = {
            "slotdeck": slotdeck.__version__,
            "run_id": facts.run_id,
            "schema_version": f"{SCHEMA_VERSION}",
            "complete": "false" if facts.live else "true",
        }
        self._schemas = {table.name: _schema(table, about) for table in TABLES}
        self._writers = {
            table.name: pq.ParquetWriter(
                folder / f"{table.name}.parquet", self._schemas[table.name], compression="zstd"
            )
            for table in TABLES
        }

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table."""
        import pyarrow as pa

        columns = zip(table.columns, zip(*rows, strict=True), strict=True)
        arrays = [_array(values, column.type, pa) for column, values in columns]
        batch = pa.record_batch(arrays, schema=self._schemas[table.name])
        self._writers[table.name].write_batch(batch, row_group_size=GROUP_ROWS)

    def close(self) -> None:
        """The footers."""
        for writer in self._writers.values():
            writer.close()


def _array(values: tuple[Any, ...], kind: str, pa: Any) -> Any:
    if kind == "time":
        micros = [None if value is None else round(value * 1e6) for value in values]
        return pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(values, _type(kind, pa))


def _type(kind: str, pa: Any) -> pa.DataType:
    if kind == "time":
        return pa.timestamp("us", tz="UTC")
    return {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}[kind]


def _schema(table: Table, about: dict[str, str]) -> pa.Schema:
    import pyarrow as pa

    fields = [
        pa.field(column.name, _type(column.type, pa), metadata={"unit": column.unit, "about": column.about})
        for column in table.columns
    ]
    return pa.schema(fields, metadata={**about, "table": table.name, "about": table.about})
