"""The cockpit opens, obeys and closes in every terminal; one that cannot draw gets plain lines."""

from __future__ import annotations

import signal
from pathlib import Path

from benchmarks.durability.raw_terminal import PATIENCE_S, RawTerminal
from benchmarks.durability.terminal_kinds import (
    LOCALES,
    RECORDED,
    SIZES,
    TERMS,
    every_kind,
    some_kinds,
    try_all,
)


def test_no_terminal_crashes_the_cockpit(tmp_path: Path) -> None:
    assert try_all(some_kinds(), tmp_path) == []


def test_the_short_form_leaves_no_terminal_locale_or_size_out() -> None:
    assert {kind.term for kind in some_kinds()} == set(TERMS)
    assert {kind.size for kind in some_kinds()} == set(SIZES)
    assert {kind.locale for kind in some_kinds()} == {kind.locale for kind in every_kind()} <= set(LOCALES)


def test_a_cockpit_that_is_suspended_or_ended_gives_the_terminal_back(tmp_path: Path) -> None:
    with RawTerminal("-m", "slotdeck.front", "replay", str(RECORDED), cwd=tmp_path) as terminal:
        terminal.until(rb"\x1b\[\d+;\d+H")
        terminal.quiet(0.3)
        terminal.stop()
        terminal.until(rb"\x1b\[\?1006l.*\x1b\[\?1049l\x1b\[\?25h")
        suspended = len(terminal.sent)
        terminal.child.send_signal(signal.SIGCONT)
        terminal.until(rb"\x1b\[\?1049h.*\x1b\[\d+;\d+H", after=suspended)
        terminal.quiet(0.3)
        returned = len(terminal.sent)
        terminal.child.send_signal(signal.SIGSTOP)  # nobody is asked, and a shell may have had the terminal
        terminal.child.send_signal(signal.SIGCONT)
        terminal.until(rb"\x1b\[\?1049l.*\x1b\[\?1049h.*\x1b\[\d+;\d+H", after=returned)
        terminal.press(b"\xe9")  # of another character set
        terminal.quiet(0.3)
        back = len(terminal.sent)
        terminal.child.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        after = bytes(terminal.sent[back:])
        for mode in (b"?1049l", b"?1000l", b"?1003l", b"?1006l", b"?2004l", b"?25h", b"<u"):
            assert b"\x1b[" + mode in after, mode
        assert b"Traceback" not in terminal.sent


def test_a_cockpit_whose_terminal_has_gone_without_a_signal_ends(tmp_path: Path) -> None:
    with RawTerminal("-m", "slotdeck.front", "replay", str(RECORDED), cwd=tmp_path) as terminal:
        terminal.until(rb"\x1b\[\d+;\d+H")
        terminal.hang_up()
        assert terminal.child.wait(PATIENCE_S) == 128 + signal.SIGHUP
