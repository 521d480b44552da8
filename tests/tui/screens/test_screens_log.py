"""The log page as one uses it: find, narrow, follow, copy, keep, and see the run as it was then."""

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input

from engine.protocol import events as e
from engine.runlog.writer import LogWriter
from tui.app import SlotdeckApp, replay_screen
from tui.screens.deck.replay import ReplayScreen
from tui.screens.log.page import LogScreen
from tui.screens.log.rows import LogRows
from tui.settings import Settings


@pytest.fixture
def run_dir(tmp_path):
    return write_fake_run(tmp_path / "run", FakeRun("run", steps=2500, outcome=""))


async def opened(app, link, *keys, size=(120, 32)):
    """The page over a cockpit, its past read, after these keys."""
    async with app.run_test(size=size) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await pilot.press(*(keys or ("f",)))
        await read(pilot)
        yield pilot


async def read(pilot):
    """Until the page has read the log and draws what was typed."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, LogScreen) and "reading" not in state(app))
    if at_work := [worker for worker in app.workers if worker.group in ("search", "past")]:
        await app.workers.wait_for_complete(at_work)
    await settle(pilot)


def state(app):
    return app.screen.query_one("#log-state").text


def lines(app):
    return app.screen.query_one(LogRows).text


def selected(app):
    return app.screen.query_one(LogRows).selected.text


async def typed(pilot, text):
    for character in text:
        await pilot.press({" ": "space", ".": "full_stop", "|": "vertical_line"}.get(character, character))
    await read(pilot)


async def test_a_line_is_found_while_one_types_and_shown_in_a_replay_at_its_moment(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f"):
        assert "● following" in state(app)
        await pilot.press("slash")
        await typed(pilot, "x0.5")
        assert "/x0.5 1 of 1" in state(app)
        assert selected(app).startswith("lr x0.5 applied")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.store.step == 895)
        assert not app.screen.player.playing
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))


async def test_slash_on_the_cockpit_opens_it_with_the_search_open(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "slash"):
        await until(pilot, lambda: isinstance(app.focused, Input))
        await typed(pilot, "ban|pin")
        assert "/ban|pin 3 of 3" in state(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.focused is None
        assert "/" not in state(app)
        assert isinstance(app.screen, LogScreen)


async def test_hits_are_gone_through_and_alone_when_asked(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f"):
        await pilot.press("slash")
        await typed(pilot, "checkpoint step")
        await pilot.press("enter")
        assert "5 of 5" in state(app)
        await pilot.press("n")
        assert "1 of 5" in state(app)
        await pilot.press("N", "N")
        assert "4 of 5" in state(app)
        await pilot.press("h")
        await settle(pilot)
        assert len(lines(app).splitlines()) == 5
        await pilot.press("escape", "f")
        await settle(pilot)
        assert not isinstance(app.screen, LogScreen)


async def test_filters_by_key_and_by_mouse(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f"):
        await pilot.press("tab")
        await settle(pilot)
        kinds = app.screen.query_one("#log-kinds").render()
        reversed_ = [
            kinds.plain[span.start : span.end] for span in kinds.spans if "reverse" in str(span.style)
        ]
        assert reversed_ == ["commands"], "the chosen kind shows without colours"
        assert all("applied" in line or "refused" in line for line in lines(app).splitlines())
        await pilot.press("l", "l")
        await settle(pilot)
        assert "ban block.31 refused" in lines(app)
        assert "level errors" in state(app)
        kinds = app.screen.query_one("#log-kinds")
        await pilot.click("#log-kinds", offset=(kinds.text.index("alarms") + 2, 0))
        await pilot.click("#log-state", offset=(state(app).index("level"), 0))
        await settle(pilot)
        assert "the disk is full" in lines(app)
        await pilot.press("escape")
        for _ in range(4):
            await pilot.press("right_square_bracket")
        await settle(pilot)
        assert "slot block.3" in state(app)
        told = [line.partition("✓ ")[2] for line in lines(app).splitlines() if "✓" in line]
        assert [line.split()[0] for line in told] == ["pin", "release"]


async def test_it_stays_where_one_reads_and_follows_again_at_the_end(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f", size=(80, 24)):
        store = app.screen.store
        await pilot.press("up", "up")
        where = selected(app)
        for number in range(30):
            store.apply(store.head_seq + 1, store.wall_s, e.LogLine(level="info", text=f"news {number}"))
        await settle(pilot)
        assert selected(app) == where
        assert "32 below" in state(app)
        await pilot.press("end")
        await settle(pilot)
        assert selected(app) == "news 29"
        store.apply(store.head_seq + 1, store.wall_s, e.LogLine(level="warning", text="one more"))
        await settle(pilot)
        assert selected(app) == "one more"


async def test_the_wheel_and_the_bar_move_through_the_lines(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f", size=(80, 24)):
        rows = app.screen.query_one(LogRows)
        rows.scroll_rows(-3)
        assert not rows.following
        rows.scroll_rows(30)
        assert rows.following
        await pilot.mouse_down("#log", offset=(rows.size.width - 1, 0))
        await pilot.mouse_up("#log", offset=(rows.size.width - 1, 0))
        assert selected(app).startswith("started demo")
        await pilot.click("#log", offset=(20, 3))
        await settle(pilot)
        assert rows.at == 2  # the first is folded


async def test_lines_are_copied_and_written(run_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f"):
        await pilot.press("tab", "y")
        assert app.clipboard.split("\t")[2:] == [
            "command",
            "release block.3 applied: pin → auto (ada@box7)\n",
        ]
        await pilot.press("Y")
        assert app.clipboard.count("\n") == 6
        await pilot.press("w", "w")
        await pilot.pause()
        assert (tmp_path / "run-log.txt").read_text() == app.clipboard
        assert (tmp_path / "run-log-2.txt").exists()


async def test_what_the_engine_printed_is_one_of_the_kinds(run_dir):
    (run_dir / "engine.out").write_bytes(b"10%\r50%\r100%\nUserWarning: slow \x1b[31mred\x1b[0m\n\n")
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "f"):
        await pilot.press("shift+tab")
        await until(pilot, lambda: "UserWarning" in lines(app))
        assert "│ 100%" in lines(app)
        assert "\\x1b[31mred" in lines(app)
        with (run_dir / "engine.out").open("ab") as file:
            file.write(b"my own print\n")
        await until(pilot, lambda: "my own print" in lines(app))
        await pilot.press("enter")
        assert isinstance(app.screen, LogScreen)


async def test_a_replay_shows_what_is_still_to_come_and_goes_there(tmp_path):
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run"))
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings(refresh_hz=10))
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("space", "home", "slash")
        await read(pilot)
        assert app.screen.query_one(LogRows).at < 3
        await typed(pilot, "release")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.store.step == 1995)


async def test_a_line_that_the_store_has_dropped_is_found(tmp_path):
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run", steps=100, outcome=""))
    writer = LogWriter(run_dir, "run")
    writer.commit(e.LogLine(level="info", text="a needle"))
    for number in range(2000):
        writer.emit(e.LogLine(level="info", text=f"hay {number}"))
    writer.close()
    app, link = still_deck(run_dir)
    async for pilot in opened(app, link, "slash"):
        await until(pilot, lambda: isinstance(app.focused, Input))
        await typed(pilot, "needle")
        assert selected(app) == "a needle"
        assert "2,00" in state(app)


async def test_the_wheel_right_after_fewer_lines_are_shown(run_dir):
    app, link = still_deck(run_dir)
    async for _ in opened(app, link):
        rows = app.screen.query_one(LogRows)
        for few in (1, 0):
            app.screen._told.shown = app.screen._told.shown[:few]
            rows.scroll_rows(-3)
            rows.scroll_rows(3)
        assert app.is_running


async def test_a_page_left_while_it_searches(run_dir):
    app, link = still_deck(run_dir)
    async for _ in opened(app, link, "slash"):
        page = app.screen
        page._sought = "step"
        found = page._find(jump=True)
        await page.remove()
        await found.wait()
        assert app.is_running
