"""What a table of an export is: columns with a type, a unit and a meaning, and rows in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Type = Literal["int64", "float64", "bool", "string", "time"]
Row = tuple[Any, ...]
"""Values in the order of a table's columns; None where a thing is not known. A time is Unix seconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: Type
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a file in CSV and Parquet."""

    name: str
    about: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def place(self, column: str) -> int:
        """Where a column stands in a row."""
        return self.names.index(column)


def number(name: str, unit: str = "", about: str = "") -> Column:
    """A column of numbers."""
    return Column(name, "float64", unit, about)


def count(name: str, unit: str = "", about: str = "") -> Column:
    """A column of whole numbers."""
    return Column(name, "int64", unit, about)


def text(name: str, about: str = "") -> Column:
    """A column of texts."""
    return Column(name, "string", "", about)
