"""Bad input is one line with an exit code and leaves nothing behind; docs/bad-input.md shows those very lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bad_inputs import HOME, MISTAKES, Mistake, Said, commit, good_folder, table
from slotdeck_command import ROOT, run_installed

PAGE = ROOT / "docs" / "bad-input.md"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[Mistake, Said]:
    """Every mistake, made in a folder of its own."""
    good = good_folder(tmp_path_factory.mktemp("good"))
    answers = {}
    for mistake in MISTAKES:
        folder = Path(shutil.copytree(good, tmp_path_factory.mktemp("bad") / "here", symlinks=True))
        answers[mistake] = commit(mistake, folder)
    return answers


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{m.group}: {m.what}" for m in MISTAKES])
def test_a_mistake_is_one_line_and_nothing_is_written(said: dict[Mistake, Said], mistake: Mistake) -> None:
    answer = said[mistake]
    assert (answer.code, answer.out, answer.written) == (mistake.code, "", [])
    assert answer.err.startswith("slotdeck: ")
    assert answer.err.count("\n") == 1
    assert mistake.says in answer.err
    assert "Traceback" not in answer.err


def test_the_page_shows_these_mistakes_as_they_are(said: dict[Mistake, Said]) -> None:
    assert len(MISTAKES) >= 60
    assert PAGE.read_text(encoding="utf-8") == table(said), "python docs/bad_input_table.py"


def test_the_installed_command_says_the_same(said: dict[Mistake, Said], tmp_path: Path) -> None:
    good_folder(tmp_path)
    for what in ("a misspelt profile", "a vocabulary smaller than the data's", "a folder that is no run"):
        (mistake,) = (m for m in MISTAKES if m.what == what)
        done = run_installed(*mistake.words, cwd=tmp_path)
        done.stderr = done.stderr.replace(f"{tmp_path}/", HOME)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said[mistake].err)
