"""A run from the user's side: start or resume it, watch it in cockpit or lines, and what to type afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.runlog.catalog import find_run
from engine.runlog.summary import summarise
from slotdeck import start
from slotdeck.say import note, say
from slotdeck.starter import starter
from slotdeck.terminal import command_line, has_terminal, shown_path
from tui.link.spawn import Spawned


def train(
    name: str,
    sets: Sequence[str],
    runs_dir: Path,
    *,
    detach: bool,
    plain: bool,
    thin: bool = False,
    restarts: int = 0,
) -> int:
    """Start a new run and watch it. Returns the exit code."""
    profile = start.prepare_profile(name, sets, lambda folder: build_demo_data(folder, runs_dir))
    run_dir = start.create(profile, runs_dir)
    return _watch(run_dir, start.start_new(run_dir, note, restarts), detach=detach, plain=plain, thin=thin)


def resume(
    run: str,
    sets: Sequence[str],
    runs_dir: Path,
    *,
    detach: bool,
    plain: bool,
    thin: bool = False,
    restarts: int = 0,
) -> int:
    """Go on with a run and watch it. Returns the exit code."""
    run_dir = find_run(run, runs_dir)
    spawned = start.start_again(run_dir, sets, note, restarts)
    return _watch(run_dir, spawned, detach=detach, plain=plain, thin=thin)


def begin(run_dir: Path, *, detach: bool, plain: bool, thin: bool = False) -> int:
    """Start a run whose folder is made, and watch it. Returns the exit code."""
    return _watch(run_dir, start.start_new(run_dir, note), detach=detach, plain=plain, thin=thin)


def start_quietly(name: str, sets: Sequence[str], runs_dir: Path) -> Path:
    """For the cockpit: a new run of a profile with some keys set, its engine at work. Says nothing itself."""

    def quietly(folder: Path) -> None:
        from slotdeck.demo import build_demo
        from slotdeck.prepare_job import told_progress

        with told_progress(runs_dir, folder, lambda _: None) as tell:
            build_demo(folder, tell)

    run_dir = start.create(start.prepare_profile(name, sets, quietly), runs_dir)
    start.start_new(run_dir, lambda _: None)
    return run_dir


def build_demo_data(folder: Path, runs_dir: Path) -> None:
    """The demo's data, its progress shown and told."""
    from slotdeck.demo import build_demo
    from slotdeck.prepare_bar import shown_progress
    from slotdeck.prepare_job import told_progress

    with shown_progress() as show, told_progress(runs_dir, folder, show) as tell:
        build_demo(folder, tell)


def _watch(run_dir: Path, engine: Spawned, *, detach: bool, plain: bool, thin: bool) -> int:
    code = 0
    if detach:
        say(f"{run_dir.name} is at work, pid {engine.pid}; it goes on without this terminal")
    elif has_terminal() and not plain:
        from tui.app import run_attach

        code = run_attach(run_dir, starter(run_dir.parent), thin=thin)
    else:
        from slotdeck.plain import follow

        code = follow(run_dir, engine, say)
    engine.process.returncode = engine.process.poll() or 0  # it may go on without us, and that is no leak
    _farewell(run_dir)
    return code


def _farewell(run_dir: Path) -> None:
    """The exact commands for what one may want next."""
    shown = shown_path(run_dir)
    run = summarise(run_dir)
    resume_words: tuple[str | Path, ...] = ("resume", shown)
    if run.outcome == "finished":  # it has nothing left to do unless it is given more
        resume_words = ("resume", shown, "--set", f"train.steps={2 * run.total_steps}")
    rows = [("replay", ("replay", shown)), ("resume", resume_words), ("attach", ("attach", shown))]
    say("")
    for what, words in rows if not run.live else [rows[2], rows[0], rows[1]]:
        when = "   # when it has ended" if run.live and what == "resume" else ""
        say(f"  {what}   {command_line(*words)}{when}")
