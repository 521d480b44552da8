"""Who may import whom, and what a start costs: the cockpit and the command line never load torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "numpy", "pyarrow", "tokenizers", "safetensors"}


def loaded_by(statements: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statements`."""
    code = f"{statements}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    return set(child.stdout.split())


def test_the_layer_rules_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stdout + child.stderr


@pytest.mark.parametrize(
    ("statements", "absent"),
    [
        ("import slotdeck; slotdeck.load_profile; slotdeck.LogReader", HEAVY | {"textual", "rich"}),
        ("import slotdeck.cli", HEAVY | {"textual", "tui"}),
        (
            "import slotdeck.cli, slotdeck.journey, slotdeck.start, slotdeck.send, slotdeck.doctor.examine",
            HEAVY | {"textual"},
        ),
        ("import tui.app, tui.link.live, tui.link.replay, tui.link.spawn, tui.palette", HEAVY),
        ("import tui.screens.home.screen, tui.screens.deck.cockpit, tui.screens.deck.replay", HEAVY),
        ("import tui.state.store", HEAVY | {"textual", "rich"}),
        (
            "import engine.runlog.writer, engine.runlog.index, engine.control.server",
            HEAVY | {"textual", "rich"},
        ),
        ("import engine.telemetry.sampler, engine.telemetry.nvml_child", HEAVY | {"pynvml"}),
    ],
)
def test_a_start_loads_only_what_it_needs(statements: str, absent: set[str]) -> None:
    assert loaded_by(statements) & absent == set()


def test_help_loads_neither_the_engine_nor_the_cockpit() -> None:
    loaded = loaded_by(
        "import sys\nfrom slotdeck.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass"
    )
    assert loaded & (HEAVY | {"textual", "tui", "msgspec"}) == set()


def test_every_public_name_is_there() -> None:
    import slotdeck

    assert all(getattr(slotdeck, name) is not None for name in [*slotdeck.__all__, "__version__"])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        slotdeck.nothing  # noqa: B018
