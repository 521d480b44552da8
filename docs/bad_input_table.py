"""Writes docs/bad-input.md from what slotdeck says to the mistakes of the test: `python docs/bad_input_table.py`.

A contract test compares; nothing else calls this.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bad_inputs import MISTAKES, commit, good_folder, table  # noqa: E402

PAGE = ROOT / "docs" / "bad-input.md"


def main() -> None:
    """Make every mistake once, each in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        good = good_folder(Path(folder, "good"))
        said = {}
        for number, mistake in enumerate(MISTAKES):
            here = Path(shutil.copytree(good, Path(folder, f"{number}"), symlinks=True))
            said[mistake] = commit(mistake, here)
    PAGE.write_text(table(said), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
