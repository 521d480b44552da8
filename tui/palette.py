"""The command palette: every verb, every argument that can be foreseen, and what else the keys do.

Verbs come from the contract's table, actions from the key table; typing a whole command offers to send it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, runtime_checkable

from msgspec import Struct
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher
from textual.message import Message

from engine.errors import SlotdeckError
from engine.protocol.verbs import POLICIES, PRECISIONS, VERBS, as_text, parse_command
from engine.text import one_line
from tui.keys import Place, keys_for
from tui.messages import LaunchAsked, RunOpened
from tui.state.home import HomeView
from tui.state.known import Known
from tui.state.moments.goto import explain, looked_for
from tui.theme import THEMES


@runtime_checkable
class Placed(Protocol):
    """A screen that has rows in the key table."""

    place: Place

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None: ...
    async def run_action(self, action: str) -> object: ...


@runtime_checkable
class Steering(Placed, Protocol):
    """A screen that can send verbs."""

    @property
    def may_control(self) -> bool: ...
    @property
    def known(self) -> Known: ...
    def enter(self, text: str) -> None: ...
    def action_fill(self, text: str) -> None: ...


@runtime_checkable
class Listing(Placed, Protocol):
    """A screen of runs and profiles."""

    @property
    def view(self) -> HomeView | None: ...
    def post_message(self, message: Message) -> bool: ...


_NOT_OFFERED = {
    "digit", "app.command_palette", "open", "switch_list", "step(1)", "step(-1)", "leaf(1)", "leaf(-1)",
    "app.dark_light",
}  # fmt: skip
"""What makes no sense from here: moving a cursor, this very palette, what the runs' own lines do."""


class Entry(Struct, frozen=True):
    """One line of the palette."""

    title: str
    help: str
    act: Callable[[], object]


class Palette(Provider):
    """Offers what the screen below it can do now."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for entry in self._entries(foreseen=False):
            yield DiscoveryHit(Content(entry.title), entry.act, text=entry.title, help=_shown(entry.help))

    async def search(self, query: str) -> Hits:
        """What matches, and the query itself when it is a whole command."""
        if (whole := self._whole_command(query)) is not None:
            yield Hit(2.0, Content(whole.title), whole.act, text=whole.title, help=_shown(whole.help))
        matcher = self.matcher(query)
        for entry in self._entries(foreseen=True):
            if (score := max(matcher.match(entry.title), _found(query, entry.help))) > 0:
                yield Hit(
                    score,
                    _highlighted(matcher, entry.title),
                    entry.act,
                    text=entry.title,
                    help=_shown(entry.help),
                )

    def _entries(self, foreseen: bool) -> Iterator[Entry]:
        below = self.screen
        if isinstance(below, Steering) and below.may_control:
            yield from _verbs(below, foreseen)
        if isinstance(below, Placed):
            for key in keys_for(below.place):
                if key.verb or key.action in _NOT_OFFERED:
                    continue
                if below.check_action(key.action.split("(")[0], ()):
                    does = partial(below.run_action, key.action)
                    yield Entry(f"{key.help}  ({key.shown})", key.also, does)
        if isinstance(below, Listing):
            yield from _listed(below)
        for theme in THEMES:
            name = theme.name.removeprefix("slotdeck-")
            keeps = f"until you leave; to keep them: slotdeck config theme {name}"
            yield Entry(f"colours {name}", keeps, partial(self._colour, theme.name))

    def _colour(self, name: str) -> None:
        self.app.theme = name

    def _whole_command(self, query: str) -> Entry | None:
        below = self.screen
        if isinstance(below, Steering) and below.place == "replay" and (query[:1].isdigit() or "<" in query):
            return Entry(f"go to {query}", "The moment it was so", partial(below.enter, query))
        if isinstance(below, Steering) and looked_for(query) is not None:
            return Entry(explain(query), "The crosshair goes there", partial(below.enter, query))
        if not (isinstance(below, Steering) and below.may_control):
            return None
        try:
            text = as_text(parse_command(query.split()))
        except SlotdeckError:
            return None
        return Entry(text, "Send it", partial(below.enter, text))


def _verbs(below: Steering, foreseen: bool) -> Iterator[Entry]:
    for verb in VERBS.values():
        if verb.name == verb.usage or verb.usage.startswith(f"{verb.name} ["):
            yield Entry(verb.name, verb.help, partial(below.enter, verb.name))
        else:
            yield Entry(
                f"{verb.name} …", f"{verb.usage}   {verb.help}", partial(below.action_fill, f"{verb.name} ")
            )
    if foreseen:
        for text in _foreseen(below.known):
            verb = VERBS[text.split()[0]]
            yield Entry(text, verb.help, partial(below.enter, text))


def _listed(below: Listing) -> Iterator[Entry]:
    """Every run and profile."""
    view = below.view
    if view is None:
        return
    for run in view.runs:
        name = one_line(run.path.name)
        does = "attach to" if run.live else "replay"
        told = f"{run.state}, step {run.step:,} of {run.total_steps:,}"
        yield Entry(
            f"{does} {name}", told, partial(below.post_message, RunOpened(run.path, replay=not run.live))
        )
    for profile in view.profiles:
        if not profile.problem:
            shows = partial(below.post_message, LaunchAsked(profile.name))
            yield Entry(f"train {one_line(profile.name)} …", one_line(profile.about), shows)


def _foreseen(known: Known) -> Iterator[str]:
    yield from (f"precision {name}" for name in PRECISIONS)
    yield from (f"policy {name}" for name in POLICIES)
    yield from ("lr x0.5", "lr x2", "lr schedule", "batch auto", "stop save=no")
    yield from (f"{verb} {slot}" for verb in ("pin", "ban", "release") for slot in known.slots)
    yield from (f"pin {slot} until=+200" for slot in known.slots)
    yield from (f"prune {slot} dry_run=yes" for slot in known.slots)
    yield from (
        f"{verb} {name}" for verb in ("rollback", "fork") for name in (*known.checkpoints[:8], "best")
    )


def _found(query: str, help_text: str) -> float:
    """How good it is that all words are in the second line: whole ones beat letters strewn over a first line."""
    said, words = help_text.lower(), query.lower().split()
    if not words or not all(word in said for word in words):
        return 0.0
    whole = set(words) <= set(re.findall(r"\w+", said))
    return len(query) ** 2 * (1.5 if whole else 1.0)


def _highlighted(matcher: Matcher, title: str) -> Content:
    """`matcher.highlight` reads what it is given as markup, and a slot may be called `[/`."""
    content = Content(title)
    for offset in matcher.fuzzy_search.match(matcher.query, title)[1]:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content


def _shown(help_text: str) -> str:
    """The palette reads help as markup; brackets and code marks are not meant so."""
    return help_text.replace("`", "").replace("[", r"\[")
