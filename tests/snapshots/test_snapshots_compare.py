"""How runs side by side look, at three sizes, while they are read, and when one cannot be."""

import pytest
from deck_app import settle, until
from fake_run import FakeRun, write_fake_run

from tui.app import SlotdeckApp
from tui.link.compare import CompareSource, fill
from tui.screens.compare.screen import CompareScreen
from tui.settings import Settings

NAMES = ("20261121-090000-demo-3f2a", "20261121-100000-demo-77b1", "20261121-110000-small-0c4d")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_fake_run(folder / NAMES[0], FakeRun(NAMES[0], steps=2000))
    write_fake_run(folder / NAMES[1], FakeRun(NAMES[1], steps=1200, seed=11, outcome="stopped"))
    (folder / NAMES[2] / "log").mkdir(parents=True)
    return [folder / name for name in NAMES]


class Still(CompareSource):
    """Reads nothing by itself."""

    async def run(self):
        """What is read was read before."""


def compared(paths, *keys, read=True):
    source = Still(tuple(paths))
    if read:
        for run in source.runs:
            fill(run)
    app = SlotdeckApp(lambda settings: CompareScreen(source, settings, lambda: []), Settings())

    async def before(pilot):
        await until(pilot, lambda: pilot.app.screen.is_mounted)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return app, before


@pytest.mark.parametrize(
    "size", [(60, 16), (80, 24), (120, 32), (200, 50)], ids=["60x16", "80x24", "120x32", "200x50"]
)
def test_compare(snap_compare, paths, size):
    app, before = compared(paths, "X", "i", "shift+left", "d" if size[0] == 200 else "j")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_compare_what_the_operators_did(snap_compare, paths):
    app, before = compared(paths[:2], "v", "v")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_compare_before_the_logs_are_read(snap_compare, paths):
    app, before = compared(paths[:2], read=False)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_compare_on_a_tiny_terminal(snap_compare, paths):
    app, before = compared(paths[:2])
    assert snap_compare(app, terminal_size=(58, 15), run_before=before)
