"""The cockpit opens, obeys and closes in every terminal; one that cannot draw gets plain lines."""

from __future__ import annotations

from pathlib import Path

from benchmarks.durability.terminal_kinds import LOCALES, SIZES, TERMS, every_kind, some_kinds, try_all


def test_no_terminal_crashes_the_cockpit(tmp_path: Path) -> None:
    assert try_all(some_kinds(), tmp_path) == []


def test_the_short_form_leaves_no_terminal_locale_or_size_out() -> None:
    assert {kind.term for kind in some_kinds()} == set(TERMS)
    assert {kind.size for kind in some_kinds()} == set(SIZES)
    assert {kind.locale for kind in some_kinds()} == {kind.locale for kind in every_kind()} <= set(LOCALES)
