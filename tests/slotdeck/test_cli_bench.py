"""`slotdeck bench elastic` on a real run: the table, the files it leaves, and one line for every mistake.

The command runs in this process, through its front door: a dozen children would import torch a dozen times.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from engine_run import EngineRun
from slotdeck_command import prepare_own_source

from engine.protocol.events import LogLine
from slotdeck.cli import main


@dataclass
class Done:
    """A command at its end."""

    returncode: int
    stdout: str
    stderr: str


Elastic = Callable[..., Done]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory, token_dir: Path) -> Path:
    """The folder of a run of four steps with gates, and with two checkpoints."""
    short = ("train.steps=4", "optim.warmup_steps=1", "evaluate.every=0", "checkpoint.every=2")
    engine = EngineRun(
        tmp_path_factory.mktemp("runs"), token_dir, *short, "model.gates=true", "train.compile=off"
    )
    code, errors = engine.run()
    assert code == 0, errors
    assert any("gates, first to last: " in line.text for line in engine.of(LogLine))
    return engine.dir


@pytest.fixture
def elastic(
    gated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Elastic:
    """Runs `slotdeck bench elastic WORDS...` in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Done:
        options = ["--runs", gated.parent, "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["slotdeck", "bench", "elastic", *map(str, [*options, *words])])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, *capsys.readouterr())

    return run


def test_the_curve_of_a_run_beside_another_checkpoint(elastic: Elastic, gated: Path, token_dir: Path) -> None:
    earlier = gated / "checkpoints" / "step-00000002"
    done = elastic(gated.name, "--beside", earlier, "--tokens", "512", "--keep", "3,1")
    assert done.returncode == 0, done.stderr
    assert "512 validation tokens" in done.stdout
    assert "64 others" in done.stdout
    for part in (
        f"({gated.name} step-00000004)",
        f"({gated.name} step-00000002)",
        "4 of 4",
        "3 of 4",
        "1 of 4",
    ):
        assert part in done.stdout
    assert "2 of 4" not in done.stdout
    assert done.stderr.count("tokens forward") == 2, "what it costs is said first"
    assert done.stdout.count("Gates of anneal + gates") == 2

    artifacts = gated / "artifacts"
    ElementTree.parse(artifacts / "elastic-step-00000004.svg")
    made = json.loads((artifacts / "elastic-step-00000004.json").read_bytes())
    assert made["data"] == str(token_dir)
    assert made["machine"]["torch"]
    first, second = made["models"]
    weights = gated / "checkpoints" / "step-00000004" / "model.safetensors"
    assert first["sha256"] == sha256(weights.read_bytes()).hexdigest()
    assert (first["step"], second["step"], len(first["gates"])) == (4, 2, 4)
    curve = first["curve"]
    assert (curve["tokens"], curve["probe_tokens"], curve["seed"]) == (512, 64, 1)
    assert [point["kept"] for point in curve["greedy"]] == [3, 1]
    assert f"{curve['greedy'][0]['loss']:.4f}" in done.stdout
    names = sorted(path.name for path in artifacts.iterdir())
    assert names == ["elastic-step-00000004.json", "elastic-step-00000004.svg"]


def test_one_checkpoint_into_a_folder_of_choice(elastic: Elastic, gated: Path, tmp_path: Path) -> None:
    before = sorted((gated / "artifacts").iterdir())
    place = tmp_path / "new" / "place"
    done = elastic(gated / "checkpoints" / "step-00000002", "--tokens", "128", "--out", place)
    assert done.returncode == 0, done.stderr
    assert "plot  new/place/elastic-step-00000002.svg" in done.stdout
    assert sorted(path.suffix for path in place.iterdir()) == [".json", ".svg"]
    assert sorted((gated / "artifacts").iterdir()) == before


# -- mistakes --------------------------------------------------------------------------------------------


def refused(done: Done) -> str:
    """The one line on stderr."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("slotdeck: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nothing"], "no run 'nothing'"),
        (["./gone/checkpoints/step-00000001"], "does not exist"),
        (["tiny", "--keep", "4"], "4 of 4 blocks cannot be kept; give numbers from 1 to 3"),
        (["tiny", "--keep", "3,two"], "'two' is not a number of blocks; write it like --keep 10,8,6"),
        (["tiny", "--data", "gone"], "the data folder gone is not there; give the folder"),
        (["tiny", "--data", "."], "no val tokens in ."),
        (["tiny", "--device", "gpu"], "is not a device"),
        (["tiny", "--out", "/proc/here"], "cannot be made"),
        (["tiny", "--beside", "gone"], "no run 'gone'"),
    ],
)
def test_a_mistake_is_one_line(elastic: Elastic, words: list[str], part: str) -> None:
    assert part in refused(elastic(*words))


def test_a_run_that_has_moved_from_its_data_says_which_data(
    elastic: Elastic, gated: Path, tmp_path: Path, token_dir: Path
) -> None:
    copy = Path(shutil.copytree(gated, tmp_path / "copy"))
    profile = copy / "profile.toml"
    profile.write_text(profile.read_text().replace(str(token_dir), "/nowhere/tokens"))
    assert "/nowhere/tokens that copy step-00000004 was trained on is not there" in refused(elastic(copy))
    assert elastic(copy, "--data", token_dir, "--tokens", "64", "--keep", "3").returncode == 0


def test_damage_and_strangers_are_refused_and_left_as_they_are(
    elastic: Elastic, gated: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(gated, tmp_path / "copy"))
    checkpoint = copy / "checkpoints" / "step-00000004"
    weights = checkpoint / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-9] ^= 1
    weights.write_bytes(content)
    assert "its checksum differs; give another's folder" in refused(elastic(copy))
    assert checkpoint.is_dir(), "a live engine may be at work there: nothing is renamed"
    shutil.copytree(copy / "checkpoints" / "step-00000002", tmp_path / "step-00000002")
    assert "lies outside a run folder" in refused(elastic(tmp_path / "step-00000002"))
    shutil.rmtree(copy / "checkpoints")
    assert "holds no checkpoint yet" in refused(elastic(copy))


def test_data_of_another_vocabulary_is_refused(elastic: Elastic, tmp_path: Path) -> None:
    other = prepare_own_source(tmp_path, vocab_size=280)
    assert "another vocabulary" in refused(elastic("tiny", "--data", other))
