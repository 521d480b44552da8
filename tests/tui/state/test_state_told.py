"""The lines of the log page: what a filter leaves, what a search finds, and how news joins the past."""

from collections import deque

import pytest

from tui.state.log.feed import FeedItem
from tui.state.log.told import Filter, Told


def item(seq, text, kind="log", level="info", about="", body=""):
    return FeedItem(seq, 1000.0 + seq, seq * 10, kind, "·", text, level, about, body)


def feed(*items, room=500):
    return deque(items, room)


@pytest.fixture
def told():
    told = Told()
    told.take_past(
        [
            item(1, "started demo", "run"),
            item(2, "pin block.1 applied", "command", about="k1"),
            item(3, "lr x0.5 applied", "command", about="k2"),
            item(4, "Loss spike at step 40", "alarm", "warning"),
            item(5, "validation 5.1", "evaluation"),
            item(6, "pruned block.11", "prune"),
            item(7, "sample: def", "sample", body="sample:\ndef spike():\n    pass"),
            item(8, "ban block.1 refused", "command", "error", about="k3"),
        ],
        feed(),
    )
    return told


def sought(told, text):
    for _ in told.seek(text):
        pass
    return [told.shown[at].seq for at in told.hits]


def seqs(told):
    return [item.seq for item in told.shown]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (Filter(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Filter(kind="commands"), [2, 3, 8]),
        (Filter(kind="holds"), [2, 6, 8]),
        (Filter(kind="alarms"), [4]),
        (Filter(level="warnings"), [4, 8]),
        (Filter(level="errors"), [8]),
        (Filter(slot="block.1"), [2, 8]),
        (Filter(kind="commands", level="errors", slot="block.1"), [8]),
    ],
)
def test_a_filter_leaves(told, wanted, left):
    told.choose(wanted)
    assert seqs(told) == left


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("spike", [4, 7]),
        ("LOSS", [4]),
        (r"(pin|ban) block\.1\b", [2, 8]),
        ("[", []),
        ("(applied", []),
        ("(a+)+b", []),
        ("", []),
        ("x0.5", [3]),
    ],
)
def test_a_search_takes_regular_expressions_and_plain_text_and_no_case(told, text, hits):
    assert sought(told, text) == hits


def test_a_hit_is_marked_where_the_screen_has_it_on_two_lines(told):
    sought(told, "the disk")
    assert told.pattern.search("of the\n    disk").span() == (3, 15)


def test_hits_are_gone_round_in_both_directions(told):
    sought(told, "applied")
    assert [told.hit_from(0, 1), told.hit_from(1, 1), told.hit_from(2, 1)] == [1, 2, 1]
    assert [told.hit_from(2, -1), told.hit_from(1, -1)] == [1, 2]
    sought(told, "nowhere")
    assert told.hit_from(3, 1) is None


def test_only_the_hits_when_asked(told):
    sought(told, "spike")
    told.choose(Filter(hits_only=True))
    assert seqs(told) == [4, 7]
    assert told.hits == [0, 1]


def test_news_joins_with_the_filter_and_the_search_applied(told):
    told.choose(Filter(kind="alarms"))
    sought(told, "disk")
    news = feed(
        item(8, "ban block.1 refused", "command"), item(9, "the disk is full", "alarm"), item(10, "x")
    )
    assert told.take_feed(news)
    assert seqs(told) == [4, 9]
    assert told.hits == [1]
    assert told.take_feed(news)
    assert seqs(told) == [4, 9]


def test_what_is_said_of_a_command_next_takes_the_place_of_what_was_said(told):
    told.take_feed(feed(item(9, "evaluate accepted", "command", about="k9")))
    told.take_feed(feed(item(11, "evaluate applied", "command", about="k9")))
    assert seqs(told)[-2:] == [8, 11]


def test_lines_that_the_feed_has_dropped_already_are_missed(told):
    assert told.take_feed(feed(item(9, "nine"), room=2))
    assert not told.take_feed(feed(item(300, "much later"), item(301, "later"), room=2))


def test_output_stands_apart(told):
    told.take_output([item(0, "warning: slow", "output"), item(-1, "done", "output")])
    assert len(told.shown) == 8
    told.choose(Filter(kind="output"))
    assert [line.text for line in told.shown] == ["warning: slow", "done"]
    told.take_feed(feed(item(12, "elsewhere")))
    assert [line.text for line in told.shown] == ["warning: slow", "done"]
    told.choose(Filter())
    assert seqs(told)[-1] == 12
