"""docs/guards.md lists every alarm that the source can raise, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def codes(tree: ast.AST) -> Iterator[str]:
    """Of `Alarm(code=...)`, `alarm(level, code, ...)` and `partial(alarm, level, code)`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Alarm":
            given = [word.value for word in node.keywords if word.arg == "code"]
        elif name == "alarm":
            given = node.args[1:2]
        elif name == "partial" and getattr(node.args[0], "attr", "") == "alarm":
            given = node.args[2:3]
        else:
            continue
        for value in given:
            for part in [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]:
                assert not isinstance(part, ast.JoinedStr), "a code is stable, so it is written out"
                if isinstance(part, ast.Constant):
                    yield part.value


def test_the_table_holds_the_alarms_of_the_source() -> None:
    raised = {
        code
        for folder in ("engine", "slotdeck")
        for path in (ROOT / folder).rglob("*.py")
        for code in codes(ast.parse(path.read_text(encoding="utf-8")))
    }
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (?:warning|error)", (ROOT / "docs" / "guards.md").read_text(), re.M
    )
    assert len(rows) == len(set(rows))
    assert set(rows) == raised
