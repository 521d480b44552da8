"""From starting Python to the first paint: the cockpit, a replay, home; a bare Textual app beside them, in turns."""

from __future__ import annotations

from statistics import median

from fake_run import write_fake_run

from benchmarks.terminal.child import Child
from benchmarks.terminal.figure import Row, Work, median_row
from benchmarks.terminal.session import NAME

ROUNDS = 9
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    BINDINGS = [("q", "quit", "")]

    def compose(self):
        yield Static("a-bare-app")

Bare().run()
"""
LOADED = """
import sys
from pathlib import Path
from tui.app import run_attach
run_attach(Path({run!r}))
print("LOADED:", [m for m in ("torch", "numpy", "pyarrow") if m in sys.modules])
"""


def measure(work: Work) -> list[Row]:
    """Each kind once to warm the files up, then in turns."""
    run_dir = write_fake_run(work.folder / "runs" / NAME)
    starts = {
        "bare": lambda: Child("-c", BARE, compiled=work.compiled),
        "attach": lambda: Child.slotdeck("attach", run_dir, compiled=work.compiled),
        "replay": lambda: Child.slotdeck("replay", run_dir, compiled=work.compiled),
        "home": lambda: Child.slotdeck("--runs", run_dir.parent, compiled=work.compiled),
    }
    times: dict[str, list[float]] = {name: [] for name in starts}
    for turn in range(ROUNDS + 1):
        for name, start in starts.items():
            child = start()
            seconds = child.until("a-bare-app" if name == "bare" else NAME)
            if turn:
                times[name].append(seconds)
            child.read(0.2)
            child.leave()
    bare_s = median(times["bare"])
    texts = {
        "attach": "cold start to first paint: slotdeck attach",
        "replay": "cold start to first paint: slotdeck replay",
        "home": "cold start to first paint: slotdeck, with a run",
    }
    rows = [
        median_row(
            text, times[name], "s", 0.5, times_a_bare_app=round(median(times[name]) / bare_s, 2),
            note="a new Python each time, modules compiled as a package's are, the files in the system's cache",
        )
        for name, text in texts.items()
    ]  # fmt: skip
    rows.append(
        median_row("the same of a bare Textual app with one label, in turns with them", times["bare"], "s")
    )
    return [*rows, _loaded(run_dir, work)]


def _loaded(run_dir: object, work: Work) -> Row:
    child = Child("-c", LOADED.format(run=str(run_dir)), compiled=work.compiled)
    child.until(NAME)
    child.leave()
    words = bytes(child.seen).rpartition(b"LOADED: ")[2].split(b"\r")[0].decode()
    figure = "of torch, numpy and pyarrow, loaded by the cockpit"
    return {
        "figure": figure,
        "value": "none" if words == "[]" else words,
        "unit": "",
        "aim": "none",
        "met": words == "[]",
    }
