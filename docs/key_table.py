"""Writes docs/keys.md, and the README's table of the keys that stand in the cockpit's key bar, from `tui/keys/`.

python -m docs.key_table
"""

from __future__ import annotations

from pathlib import Path

from tui.keys import as_markdown, as_table, keys_for

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "keys.md"
BEGIN, END = "<!-- keys: python -m docs.key_table -->\n", "<!-- /keys -->"


def readme_with_keys(readme: str) -> str:
    """The README with the keys of the cockpit's key bar between its two marks."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    table = "\n".join(as_table(key for key in keys_for("live") if key.bar))
    return f"{before}{BEGIN}{table}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(as_markdown(), encoding="utf-8")
    README.write_text(readme_with_keys(README.read_text(encoding="utf-8")), encoding="utf-8")
