"""Figure 7, first half: hostile text in every place that text can come from, out through everything that prints.

The logs are written by the real LogWriter, every text field of every event filled; then they are dumped, told in plain
lines, replayed page by page in the cockpit, listed, and streamed live to an attached cockpit, all in raw
pseudo-terminals whose every byte is judged.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    p for p in (str(ROOT), str(ROOT / "tests/support"), str(ROOT / "tests/contract")) if p not in sys.path
]

from benchmarks.durability import frames
from benchmarks.durability.hostile_text import as_argument, as_name, hostile_texts, markers
from benchmarks.durability.proof import Proof, Row, count_row
from benchmarks.durability.raw_terminal import RawTerminal, stray
from benchmarks.durability.terminal_kinds import leave
from engine.protocol import events as e
from engine.runlog.writer import LogWriter

LONG, SHORT = 10_000, 300
SHORT_PAGES, SHORT_LIVE_S = 3, 1.0
FEED_LINES = 450
"""Events in one log: the cockpit's feed holds 500."""
CHOICES = {
    "state",
    "level",
    "outcome",
    "held",
    "verb",
    "profile_toml",
    "precision",
    "command_id",
    "client_id",
}
"""Fields of which some choose how the rest is drawn; they are spoilt now and then."""
CALLS = """
import os, sys
sys.path[:0] = {path!r}
from slotdeck import cli
for words in {calls!r}:
    sys.argv = ["slotdeck", *words]
    try:
        cli.main()
    except SystemExit:
        pass
{more}
"""
LAST_WORDS = """
import subprocess
from pathlib import Path
from engine.errors import SlotdeckError
from tui.link.spawn import Spawned
for number, words in enumerate({words!r}):
    folder = Path({folder!r}, f"died-{{number}}")
    (folder / "log").mkdir(parents=True)
    (folder / "engine.out").write_bytes(b"Traceback" + bytes([10]) + words)
    child = subprocess.Popen(["false"])
    child.wait()
    try:
        Spawned(folder, child, 0, 1).look()
    except SlotdeckError as error:
        try:
            cli._complain(str(error), 2)
        except SystemExit:
            pass
"""


@dataclass(slots=True)
class Judged:
    """What reached the terminals."""

    wrong: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    num_bytes: int = 0
    places: dict[str, int] = field(default_factory=dict)
    """Texts seen, by what printed them."""

    def take(self, place: str, sent: bytes) -> None:
        self.wrong += [f"{place}: {what}" for what in stray(sent)]
        here = markers(sent)
        self.seen |= here
        self.num_bytes += len(sent)
        self.places[place] = self.places.get(place, 0) + len(here)


def spoilt(event: e.Event, texts: deque[str], dice: Random) -> Any:
    """The event with hostile text in its text fields."""

    def spoil(value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            if name in CHOICES and dice.random() < 0.8:
                return value
            return texts.popleft() if texts else "no text left"
        if isinstance(value, msgspec.Struct):
            changed = {f: spoil(getattr(value, f), f) for f in value.__struct_fields__}
            return msgspec.structs.replace(value, **changed)
        if isinstance(value, list):
            return [spoil(item, name) for item in value]
        return {key: spoil(item, name) for key, item in value.items()} if isinstance(value, dict) else value

    return spoil(event)


def write_hostile_run(run_dir: Path, texts: deque[str], events: int, seed: int) -> None:
    """A log of so many events, or fewer when the texts run out."""
    from contract_samples import EVENTS  # type: ignore[import-not-found]

    dice = Random(seed)
    log = LogWriter(run_dir, run_dir.name)
    for number in range(events):
        log.commit(spoilt(EVENTS[number % len(EVENTS)], texts, dice))
        if not texts:
            break
    log.close()


def through_lines(judged: Judged, runs: Path, told: list[Path], texts: list[str]) -> None:
    """Every run dumped and told in plain lines, the table of runs, refused words, an engine's last words."""
    calls = [
        [verb, str(run_dir), *more] for run_dir in told for verb, *more in (["dump"], ["attach", "--plain"])
    ]
    calls.append(["runs", "--runs", str(runs)])
    third = len(texts) // 3
    words = [as_argument(text, number) for number, text in enumerate(texts[: 2 * third])]
    calls += [[["train", word], ["attach", word], ["send", "x", word], ["train", "tiny", "--set", f"{word}=1"],
                ["train", "tiny", "--set", f"data.dir={word}"], ["runs", "--runs", word]][number % 6]
               for number, word in enumerate(words)]  # fmt: skip
    last = [as_name(text, number) for number, text in enumerate(texts[2 * third :])]
    script = runs.parent / "calls.py"
    more = LAST_WORDS.format(words=last, folder=str(runs.parent / "died"))
    script.write_text(CALLS.format(path=sys.path[:3], calls=calls, more=more), encoding="utf-8")
    with RawTerminal(str(script), cwd=runs.parent) as terminal:
        terminal.end(600)
        judged.take("plain lines", bytes(terminal.sent))


def through_replay(judged: Judged, run_dir: Path, pages: int) -> None:
    """The cockpit's panels, then the whole feed, page by page."""
    with RawTerminal("-m", "slotdeck.cli", "replay", str(run_dir), cwd=run_dir.parent) as terminal:
        terminal.until(rb"\x1b\[\d+;\d+H")
        terminal.quiet()
        for keys in (b"\x1b[F", b"n", b"N", b"z", b"z", b"3", b"?", b"\x1b", b"\x1b[F", b"f"):
            terminal.press(keys)
            terminal.quiet(0.15)
        for _ in range(pages):
            terminal.press(b"\x1b[5~")
            terminal.quiet(0.06)
        terminal.press(b"f")
        terminal.quiet(0.15)
        leave(terminal)
        judged.take("a replay", bytes(terminal.sent))


def through_live(judged: Judged, run_dir: Path, texts: deque[str], seconds: float) -> None:
    """A cockpit attached while the events happen."""
    from contract_samples import EVENTS  # type: ignore[import-not-found]
    from tiny_engine import TinyEngine  # type: ignore[import-not-found]

    dice = Random(5)
    events = [event for event in EVENTS if not isinstance(event, e.RunEnded | e.RunStarted | e.WentBack)]
    with TinyEngine(run_dir) as engine:
        engine.log.commit(spoilt(EVENTS[0], texts, dice))
        with RawTerminal("-m", "slotdeck.cli", "attach", str(run_dir), cwd=run_dir.parent) as terminal:
            terminal.until(rb"\x1b\[\d+;\d+H")
            terminal.press(b"f")
            until_s, number = time.monotonic() + seconds, 0
            while texts and (time.monotonic() < until_s or not markers(bytes(terminal.sent))):
                number += 1
                engine.log.commit(spoilt(events[number % len(events)], texts, dice))
                terminal.read(0.1)
            terminal.press(b"f")
            terminal.quiet()
            terminal.press(b"q")
            terminal.end()
            judged.take("a live cockpit", bytes(terminal.sent))


def through_home(judged: Judged, runs: Path) -> None:
    """The list of runs on the home screen."""
    with RawTerminal("-m", "slotdeck.cli", "--runs", str(runs), cwd=runs.parent) as terminal:
        terminal.until(rb"\x1b\[\d+;\d+H")
        terminal.quiet(0.5)
        for _ in range(len(os.listdir(runs))):
            terminal.press(b"\x1b[B")
            terminal.read(0.03)
        terminal.quiet()
        terminal.press(b"q")
        terminal.end()
        judged.take("the home screen", bytes(terminal.sent))


def inject(folder: Path, count: int, *, pages: int, live_s: float, thorough: bool) -> Judged:
    """Everything, with so many texts; `thorough`: the home screen as well."""
    judged, texts = Judged(), list(hostile_texts(count))
    runs = folder / "runs"
    runs.mkdir()
    logged = deque(texts[: count * 6 // 10])
    number = 0
    while logged:
        number += 1
        write_hostile_run(_named(runs, texts[-number], number), logged, FEED_LINES, number)
    told = sorted(runs.iterdir())
    for other in range(number + 1, number + 1 + count // 20):
        (_named(runs, texts[-other], other) / "log").mkdir(parents=True)
    through_lines(judged, runs, told, texts[count * 6 // 10 : count * 9 // 10])
    for run_dir in told:
        through_replay(judged, run_dir, pages)
    through_live(judged, folder / "live", deque(texts[count * 9 // 10 :]), live_s)
    if thorough:
        through_home(judged, runs)
    return judged


def _named(runs: Path, text: str, number: int) -> Path:
    return Path(os.fsdecode(os.fsencode(runs) + b"/" + as_name(text, number)))


def _row(folder: Path, count: int, pages: int, live_s: float) -> Row:
    judged = inject(folder, count, pages=pages, live_s=live_s, thorough=count > SHORT)
    for sentence in judged.wrong[:20]:
        print("  ", ascii(sentence))
    places = ", ".join(f"{place} {seen:,}" for place, seen in judged.places.items())
    note = (
        "escape sequences, C0, C1, bidi and format controls, markup, no UTF-8, lines of 10 KB, combining floods; "
        f"{len(judged.seen):,} of the texts seen on a terminal ({places}), {judged.num_bytes / 2**20:.0f} MiB judged"
    )
    figure = "a control byte from hostile text reached a raw pseudo-terminal"
    return count_row(figure, len(judged.wrong), count, "texts", note)


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 7, about terminals and about the socket."""
    count, pages, live_s = (LONG, 60, 20.0) if long else (SHORT, SHORT_PAGES, SHORT_LIVE_S)
    return [Proof(7, "injection", lambda folder: _row(folder, count, pages, live_s)), *frames.proofs(long)]
