"""One table of keys: no conflicts, nothing promised that is not there, and the docs say the same."""

from collections import Counter
from pathlib import Path

import pytest

from engine.protocol.verbs import VERBS
from tui.keys import KEYS, PLACES, as_markdown, bindings, keys_for
from tui.screens.compare.screen import CompareScreen
from tui.screens.deck.cockpit import CockpitScreen
from tui.screens.deck.replay import ReplayScreen
from tui.screens.home.screen import HomeScreen
from tui.screens.launch.screen import LaunchScreen
from tui.screens.log.page import LogScreen
from tui.screens.pages.memory import MemoryScreen
from tui.screens.pipelines.screen import PipelinesScreen
from tui.screens.slots.page import SlotsScreen

SCREENS = {
    "home": HomeScreen, "launch": LaunchScreen, "pipelines": PipelinesScreen, "live": CockpitScreen,
    "replay": ReplayScreen, "slots": SlotsScreen, "memory": MemoryScreen, "log": LogScreen, "compare": CompareScreen,
}  # fmt: skip


def test_every_place_has_its_screen():
    assert set(SCREENS) == set(PLACES)


@pytest.mark.parametrize("place", SCREENS)
def test_no_key_means_two_things_on_one_screen(place):
    twice = [key for key, count in Counter(b.key for b in bindings(place)).items() if count > 1]
    assert twice == []


@pytest.mark.parametrize("place", SCREENS)
def test_every_key_has_its_action(place):
    for key in keys_for(place):
        name = key.action.split("(")[0]
        if not name.startswith("app."):
            assert hasattr(SCREENS[place], f"action_{name}"), key


def test_every_verb_has_a_key():
    keyed = {key.verb for key in KEYS} | {"resume"}  # space pauses and resumes
    assert keyed >= set(VERBS)


def test_what_destroys_is_marked_as_the_contract_marks_it():
    assert {key.verb for key in KEYS if key.destroys} == {v.name for v in VERBS.values() if v.destroys}


def test_the_key_page_in_the_docs_is_current():
    page = Path(__file__).parents[3] / "docs" / "keys.md"
    assert page.read_text() == as_markdown(), "write it again with: python -m docs.key_table"
