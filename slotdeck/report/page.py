"""`slotdeck report`: puts the page together and writes it."""

from __future__ import annotations

from pathlib import Path

import slotdeck
from engine.errors import SlotdeckError
from engine.small_file import write_whole
from engine.text import one_line
from slotdeck.report import charts, parts
from slotdeck.report.markup import section, tag, words
from slotdeck.report.story import Story, read_story

_STYLE = Path(__file__).with_name("style.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded and nothing is run, whatever a name or a log line may say."""


def write_report(run_dir: Path, to: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        SlotdeckError: the run has not begun, or the place cannot be written.
    """
    page = render(read_story(run_dir))
    try:
        write_whole(to, page.encode(), mode=0o666)
    except OSError as error:
        raise SlotdeckError(
            f"{one_line(str(to), 1000)} cannot be written: {error.strerror}", "choose another --to"
        ) from None


def render(story: Story) -> str:
    """The page, as HTML."""
    facts = story.facts
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        + tag("title", words(f"{facts.run_id} · slotdeck"))
        + tag("style", _STYLE.read_text(encoding="utf-8"))
    )
    wide = section("Slots over time", charts.waterfall(story))
    memory = section("Memory", charts.memory_chart(story))
    body = (
        _header(story)
        + tag("section", charts.loss_chart(story) + charts.small_charts(story))
        + wide
        + parts.commands(story)
        + parts.alarms(story)
        + parts.branches(story)
        + parts.prunes(story)
        + parts.slots(story)
        + memory
        + parts.samples(story)
        + parts.profile(story)
        + parts.machine(story)
        + tag(
            "footer",
            words(
                f"Made by slotdeck {slotdeck.__version__} from {facts.head_seq:,} events of the run's log."
            ),
        )
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'


def _header(story: Story) -> str:
    facts, started = story.facts, story.started
    if facts.live:
        outcome, look = "live: as it was when this page was made", "live"
    elif facts.ended is None:
        outcome, look = "killed: its engine went without a word", "failed"
    else:
        outcome, look = f"{facts.ended.outcome}: {facts.ended.reason}", facts.ended.outcome
    about = ""
    if started is not None:
        m = started.model
        about = (
            f"profile {started.profile_name} · {m.family}, {len(started.slots)} slots, context {m.seq_len:,},"
            f" vocabulary {m.vocab_size:,} · {started.machine.device_name or started.machine.device}"
        )
    title = tag("h1", words(facts.run_id)) + tag("p", words(outcome), class_=f"outcome {words(look, 12)}")
    return tag("header", title + tag("p", words(about), class_="about") + parts.figures(story))
