"""`slotdeck doctor`: what this machine can do, what is wrong, and the remedy; a line for each thing looked at.

Each check is a function that yields its findings and never raises; to add one, write it in `machine` or
`place` and name it in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from engine.text import one_line
from slotdeck.doctor import machine, place
from slotdeck.doctor.finding import Finding
from slotdeck.say import Say

CHECKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    machine.python_and_packages,
    machine.cores,
    machine.gpu_driver,
    machine.torch_and_devices,
    machine.compiler,
    place.sockets,
    place.disk,
    place.terminal,
)


def examine(runs_dir: Path, say: Say) -> int:
    """Look at everything and tell it. Returns 0 unless something would stop the main job."""
    worst = 0
    counts = {"ok": 0, "warn": 0, "fail": 0}
    for check in CHECKS:
        for finding in check(runs_dir):
            counts[finding.level] += 1
            worst = max(worst, finding.level == "fail")
            say(one_line(f"{finding.level:<4}  {finding.topic:<10} {finding.text}", 500))
            if finding.remedy:
                say(one_line(f"      {'':<10} remedy: {finding.remedy}", 500))
    say("")
    if worst:
        say(f"{counts['fail']} of these stop the main job: follow the remedies marked fail")
    elif counts["warn"]:
        say(f"ready to train; {counts['warn']} thing{'s' * (counts['warn'] > 1)} could be better")
    else:
        say("ready to train")
    return worst
