"""Bad input on the command line is one line with a remedy and an exit code, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from slotdeck_command import Slotdeck


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train"], "no profile given"),
        (["train", "tny"], "did you mean 'tiny'"),
        (["train", "tiny"], "data.dir is not set"),
        (["train", "tiny", "--set", "train.step=3"], "did you mean 'steps'"),
        (["train", "tiny", "--set", "data.dir=gone"], "does not exist"),
        (["train", "tiny", "--resume", "x"], "has its profile already"),
        (["train", "--resume", "x"], "no runs in runs"),
        (["attach", "x"], "no runs in runs"),
        (["replay", "./nowhere"], "does not exist"),
        (["dump", "."], "not a run folder"),
        (["send", "x"], "no verb given"),
        (["send", "x", "pasue"], "did you mean 'pause'"),
        (["send", "x", "lr", "-3"], "not a learning rate"),
        (["send", "x", "ban", "1", "until=99999999999999999999"], "is not a step"),
        (["send", "x", "note", b"caf\xe9"], "not UTF-8 text"),
        (["prepare", "gone.parquet", "--out", "d"], "gone.parquet"),
        (["prepare", "x", "--out", "d", "--on-bad", "skp"], "did you mean 'skip'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    slotdeck: Slotdeck, tmp_path: Path, words: list[str | bytes], part: str
) -> None:
    done = slotdeck(*map(os.fsdecode, words))
    assert done.returncode == 2
    assert done.stdout == ""
    assert part in done.stderr
    assert done.stderr.startswith("slotdeck: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_escape_sequences_in_foreign_text_stay_visible(slotdeck: Slotdeck) -> None:
    done = slotdeck("train", "\x1b]0;title\x07")
    assert "\x1b" not in done.stderr
    assert "\\x1b" in done.stderr


def test_the_data_is_judged_before_a_run_folder_exists(
    slotdeck: Slotdeck, tmp_path: Path, token_dir: Path
) -> None:
    def refused(folder: Path, *sets: str) -> str:
        words = [word for key in (f"data.dir={folder}", *sets) for word in ("--set", key)]
        done = slotdeck("train", "tiny", *words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert not (tmp_path / "runs").exists()
        return done.stderr

    assert "vocab_size is 100" in refused(token_dir, "model.vocab_size=100")
    assert "fewer than one batch" in refused(token_dir, "train.batch_size=100000")
    cut = Path(shutil.copytree(token_dir, tmp_path / "cut"))
    shard = next(cut.glob("train*.bin"))
    shard.write_bytes(shard.read_bytes()[:-1000])
    assert shard.name in refused(cut)


def test_what_the_engine_refuses_is_told_and_leaves_no_run(
    slotdeck: Slotdeck, tmp_path: Path, token_dir: Path
) -> None:
    pytest.importorskip("torch")
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here, so it would not be refused")
    done = slotdeck("train", "tiny", "--set", f"data.dir={token_dir}", "--set", "train.device=cuda")
    assert done.returncode == 2
    assert re.search(r"^slotdeck: .*cuda", done.stderr, re.M)
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_model_that_cannot_fit_is_refused_before_it_is_built(
    slotdeck: Slotdeck, tmp_path: Path, token_dir: Path
) -> None:
    done = slotdeck("train", "tiny", "--set", f"data.dir={token_dir}", "--set", "model.n_layer=900000000")
    assert done.returncode == 2
    assert re.search(r"this model needs [\d.,]+ TiB .* cpu has", done.stderr), done.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_file_for_the_runs_folder_is_named(slotdeck: Slotdeck, tmp_path: Path, token_dir: Path) -> None:
    (tmp_path / "file").touch()
    done = slotdeck("train", "tiny", "--runs", "file", "--set", f"data.dir={token_dir}")
    assert done.returncode == 2
    assert "file is a file, not a folder of runs" in done.stderr
