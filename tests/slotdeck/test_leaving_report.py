"""`slotdeck report`: one page that any browser shows, whatever is in a run's names and texts."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_run import FakeRun, write_fake_run
from patience import PATIENCE_S
from slotdeck_command import Slotdeck

from engine.protocol import events as ev
from engine.runlog.writer import LogWriter
from slotdeck.report.page import render
from slotdeck.report.plot import nice
from slotdeck.report.story import read_story

RUN = "20261121-090000-demo-3f2a"
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that every tag is closed, in order, and collects what matters."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for key, value in attrs:
            assert not key.startswith("on"), f"{tag} {key}"
            if key == "id":
                assert value not in self.ids
                self.ids.add(value or "")
            if key in ("href", "src", "action"):
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(read_story(write_fake_run(tmp_path_factory.mktemp("report") / RUN)))


def test_the_page_is_whole_and_asks_for_nothing(page: str) -> None:
    parsed = Page(page)
    assert not {"script", "img", "link", "iframe", "object"} & set(parsed.tags)
    assert all(link.startswith("#") and link[1:] in parsed.ids for link in parsed.links)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_what_was_set_for_the_run_stands_beside_the_profile_of_its_name(page: str) -> None:
    assert "settings differ from the defaults" in page
    assert "differ from the profile demo as it is now, whose value stands at the right" in page
    assert "<td><code>train.steps</code></td><td>3000</td><td>1000</td><td>600</td>" in page


def test_each_command_and_its_tick_lead_to_each_other(page: str) -> None:
    parsed = Page(page)
    assert {"c1", "t1", "c2", "t2"} <= parsed.ids
    assert "c3" in parsed.ids
    assert "t3" not in parsed.ids, "a refused command changed nothing"
    for word in (
        "pin block.3",
        "lr x0.5",
        "5.3e-04 → 2.6e-04",
        "no slot block.31",
        "the disk is full",
        "ada@box7",
    ):
        assert word in parsed.text


def test_the_drawings_are_well_formed(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(drawings) == 7
    for drawing in drawings:
        root = ET.fromstring(drawing)
        for line in (*root.iter("polyline"), *root.iter("polygon")):
            points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
            assert all(0 <= x <= 1000 for x, _ in points)
    assert "…" not in "".join(drawings)


HOSTILE = '</title><script>alert(1)</script><b onmouseover="x">\x1b[2J"\'&\u202e'


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = FakeRun(run_id=HOSTILE, steps=30, total_steps=30)
    writer = LogWriter(tmp_path, RUN, clock_ns=run.clock.clock_ns, wall=run.clock.wall)
    for event in run.events():
        writer.commit(event)
    writer.commit(ev.Alarm(step=9, level=HOSTILE, code=HOSTILE, message=HOSTILE, remedy=HOSTILE))
    writer.commit(ev.Sampled(step=9, branch=0, prompt=HOSTILE, text=HOSTILE, seconds=1.0))
    writer.commit(ev.CheckpointSaved(step=9, branch=0, name=HOSTILE, bytes=1, seconds=1.0, reason=HOSTILE))
    for number, applied in enumerate((True, False)):
        told = {"command_id": f"{number}", "verb": HOSTILE, "text": HOSTILE}
        writer.commit(ev.CommandAccepted(client_id=HOSTILE, who=HOSTILE, args={}, **told))
        if applied:
            writer.commit(ev.CommandApplied(step=9, branch=0, rev=1, before=HOSTILE, after=HOSTILE, **told))
        else:
            writer.commit(ev.CommandRefused(step=9, code=HOSTILE, reason=HOSTILE, **told))
    writer.close()
    page = render(read_story(tmp_path))
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert parsed.tags.count("title") == page.count("<title>")
    assert not {"\x1b", "\u202e"} & set(page)
    for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
        ET.fromstring(drawing)


def test_a_run_without_a_step_has_a_page_too(tmp_path: Path) -> None:
    run = FakeRun(run_id=RUN)
    writer = LogWriter(tmp_path, RUN)
    writer.commit(run._started())
    writer.close()
    parsed = Page(render(read_story(tmp_path)))
    assert "No step has been reported yet" in parsed.text
    assert "went without a word" in parsed.text


def test_a_page_is_not_replaced_unasked(slotdeck: Slotdeck, tmp_path: Path) -> None:
    write_fake_run(tmp_path / "runs" / RUN, FakeRun(steps=20))
    done = slotdeck("report", RUN)
    assert (done.returncode, f"{RUN}.html: " in done.stdout) == (0, True)
    again = slotdeck("report", RUN)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    assert slotdeck("report", RUN, "--overwrite").returncode == 0


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 10, [0, 5, 10]), (4.9, 8.3, [5, 6, 7, 8]), (0, 6e-4, [0, 2e-4, 4e-4, 6e-4])],
)
def test_axes_have_round_numbers(low: float, high: float, wanted: list[float]) -> None:
    assert nice(low, high, 4 if low else 3) == pytest.approx(wanted)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_real_browser_draws_it(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    shot = tmp_path / "page.png"
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={shot}", "--window-size=1400,2000", (tmp_path / "page.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
    assert shot.stat().st_size > 50_000, "an empty page is smaller"


def test_a_page_shows_where_the_run_stands_and_what_was_left(tmp_path: Path) -> None:
    run = FakeRun(run_id=RUN, steps=1000, total_steps=1000, outcome="")
    writer = LogWriter(tmp_path, RUN, clock_ns=run.clock.clock_ns, wall=run.clock.wall)
    for event in run.events():
        writer.commit(event)
    writer.commit(ev.WentBack(step=500, branch=1, from_step=1000, checkpoint="step-00000500", reason="asked"))
    writer.close()
    text = Page(render(read_story(tmp_path))).text
    assert "steps500of 1,000" in text
    assert "left behind" in text
    assert "back from step 1000 to step-00000500: asked" in text
