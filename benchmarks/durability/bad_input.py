"""Figure 8: what people give by mistake, and whether it costs them one line and nothing else.

The cases are those of tests/contract/test_bad_input.py and of docs/bad-input.md.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
sys.path[:0] = [path for path in (str(ROOT), str(SUPPORT)) if path not in sys.path]

from benchmarks.durability.proof import Proof, Row, count_row


def _row(folder: Path) -> Row:
    from bad_inputs import MISTAKES, commit, good_folder  # type: ignore[import-not-found]

    good, wrong = good_folder(folder / "good"), 0
    for number, mistake in enumerate(MISTAKES):
        said = commit(mistake, Path(shutil.copytree(good, folder / f"{number}", symlinks=True)))
        well = (said.code, said.out, said.written, said.err.count("\n")) == (
            mistake.code,
            mistake.prints,
            [],
            1,
        )
        if not well or mistake.says not in said.err:
            wrong += 1
            print("  ", mistake.what, said)
    note = "command line, profiles, settings, shards, runs, checkpoints, weights, text, verbs: see docs/bad-input.md"
    return count_row(
        "bad inputs that were not one line, exit code 2 and nothing written",
        wrong,
        len(MISTAKES),
        "inputs",
        note,
    )


def proofs(long: bool) -> list[Proof]:  # noqa: ARG001 (it has one form)
    """The claim of figure 8."""
    return [Proof(8, "bad-input", _row)]
