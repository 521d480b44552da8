"""Writes the tables of docs/export-run.md from `slotdeck.export_run.tables`: `python docs/export_tables.py`.

A test compares; nothing else calls this.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slotdeck.export_run.table import Table  # noqa: E402
from slotdeck.export_run.tables import TABLES  # noqa: E402

PAGE = ROOT / "docs" / "export-run.md"
MARK = "<!-- tables: python docs/export_tables.py -->\n"


def tables() -> str:
    """Every table, as Markdown."""
    return "\n".join(map(_table, TABLES))


def _table(table: Table) -> str:
    rows = [f"| `{c.name}` | {c.type} | {c.unit} | {c.about} |" for c in table.columns]
    head = ["", f"### {table.name}", "", table.about, "", "| column | type | unit | |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def main() -> None:
    """Put them behind the mark."""
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(before + MARK + tables(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
