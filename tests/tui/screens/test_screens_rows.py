"""The lists and lines of text: what they say, and that they fit."""

import math
from pathlib import Path

import pytest

from tui.screens.command.completion import completion, usage
from tui.screens.command.rows import command_rows
from tui.screens.home.rows import Columns, age, profile_row, run_header, run_row, sort_at
from tui.screens.pipelines import rows as job_rows
from tui.state.home import ProfileRow, RunRow
from tui.state.known import Known
from tui.state.pending_commands import CommandLife
from tui.state.pipelines import JobRow

KNOWN = Known(tuple(f"block.{i}" for i in range(12)), ("step-00000812", "step-00000500"))


def a_run(**changes):
    values = {
        "path": Path("runs/x"), "run_id": "20261121-090000-demo-3f2a", "profile_name": "demo", "state": "running",
        "live": True, "step": 1200, "total_steps": 3000, "val_loss": 5.33, "loss": 5.41, "curve": (8.0, 6.0, 5.4),
        "started_wall_s": 1000.0, "size_bytes": 14_000_000,
    }  # fmt: skip
    return RunRow(**(values | changes))


@pytest.mark.parametrize("width", [57, 77, 117, 197])
@pytest.mark.parametrize(
    "run",
    [
        a_run(),
        a_run(
            run_id="20261121-090000-a-very-long-profile-name-indeed-3f2a",
            step=2_200_000,
            total_steps=99_000_000,
        ),
        a_run(loss=math.nan, val_loss=None, curve=(math.nan, math.inf)),
        a_run(state="killed", total_steps=0, step=0, curve=()),
        a_run(run_id="\x1b[31mred\u202e"),
        a_run(parent="20261120-090000-demo-99ab"),
    ],
)
def test_a_run_fits_its_row_and_lines_up_with_the_header(run, width):
    columns = Columns.for_width(width)
    row = run_row(run, columns, 5000.0)
    assert row.cell_length == run_header(columns).cell_length <= width
    assert "\x1b" not in row.plain


def test_a_run_that_came_from_another_names_it_where_there_is_room():
    run = a_run(parent="20261120-090000-demo-99ab")
    assert "demo-3f2a ↳ 99ab " in run_row(run, Columns.for_width(117), 5000.0).plain
    assert "↳" not in run_row(run, Columns.for_width(57), 5000.0).plain


def test_a_profile_that_cannot_be_started_says_why():
    row = profile_row(ProfileRow("mine", "", "profiles/mine.toml: unknown key 'stepz'", problem=True), 77)
    assert "unknown key 'stepz'" in row.plain
    assert row.cell_length <= 77


@pytest.mark.parametrize(("seconds", "text"), [(3, "now"), (300, "5 min"), (7300, "2 h"), (900_000, "10 d")])
def test_ages(seconds, text):
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("pi", "pin"),
        ("pin bl", "pin block.0"),
        ("pin block.1", "pin block.10"),
        ("precision b", "precision bf16"),
        ("precision bf16 slot=block.1", "precision bf16 slot=block.10"),
        ("policy anneal m", "policy anneal mean_duty="),
        ("stop s", "stop save=yes"),
        ("rollback ", "rollback step-00000812"),
        ("rollback b", "rollback best"),
        ("rollback 5", "rollback 500"),
        ("fork step-00000812 optim.l", "fork step-00000812 optim.lr="),
        ("fork 500 tr", "fork 500 train.steps="),
        ("prune block.3,block.1", "prune block.3,block.10"),
        ("prune block.3,block.3", "prune block.3,block.3"),
        ("prune d", "prune dry_run=yes"),
        ("export h", "export hf"),
        ("export hf at=step-00000", "export hf at=step-00000812"),
        ("frobnicate x", "frobnicate x"),
        ("", ""),
    ],
)
def test_completion(typed, completed):
    assert completion(typed, KNOWN) == completed


def test_usage_names_the_arguments_of_the_verb_being_typed():
    assert usage("lr 3", 50) == "lr VALUE | xFACTOR | schedule"
    assert usage("pin", 120).endswith("   Keep a slot on, whatever the policy says.")
    assert usage("p", 50) == "pause  prune  precision  policy  pin  probe"


def test_the_four_states_of_a_command_differ_without_colour():
    lives = [
        CommandLife("1", "pause", "requested", requested_s=99.0),
        CommandLife("2", "evaluate", "accepted"),
        CommandLife("3", "lr x0.5", "applied", step=900, before="6e-04", after="3e-04"),
        CommandLife(
            "4", "ban block.99", "refused", reason="no slot block.99", remedy="use block.0 to block.11"
        ),
    ]
    text = [row.plain for row in command_rows(lives, 60, 10, 100.0)]
    assert text[0].split("  ")[0] == "✗ ban block.99"
    assert text[0].endswith("refused")
    assert text[1] == "  no slot block.99; use block.0 to block.11"
    assert text[2].split("  ")[0] == "✓ lr x0.5"
    assert text[2].endswith("6e-04 → 3e-04   at step 900")
    assert text[3].split("  ")[0] == "◐ evaluate"
    assert text[3].endswith("accepted")
    assert text[4].split("  ")[0] == "○ pause"
    assert text[4].endswith("requested")
    assert all(len(row) <= 60 for row in text)


def test_a_request_nobody_answers_says_so():
    rows = command_rows([CommandLife("1", "pause", "requested", requested_s=50.0)], 60, 10, 100.0)
    assert rows[0].plain.endswith("no answer for 50 s")


@pytest.mark.parametrize(("width", "said"), [(60, "at step "), (46, "step "), (30, "")])
def test_the_step_is_told_alike_in_every_row(width, said):
    texts = ("pin block.2", "note the mean duty rises from here and stays there")
    lives = [CommandLife(text, text, "applied", step=137) for text in texts]
    rows = [row.plain for row in command_rows(lives, width, 10, 100.0)]
    assert all(row.endswith(f" {said}137") for row in rows), rows
    assert "at step" not in rows[0] or "at step" in rows[1]


def test_refusals_wrap_in_a_narrow_panel():
    life = CommandLife(
        "4", "ban block.99", "refused", reason="no slot block.99", remedy="use block.0 to block.11"
    )
    rows = command_rows([life], 28, 10, 100.0)
    assert len(rows) == 3
    assert all(row.cell_length <= 28 for row in rows)


@pytest.mark.parametrize("width", [58, 78])
def test_runs_whose_long_names_are_cut_can_be_told_apart(width):
    names = [f"20261121-0{hour}0000-gpt2-124m-8gb-{hour}2b7" for hour in (3, 8)]
    rows = [run_row(a_run(run_id=name), Columns.for_width(width), 5000.0).plain for name in names]
    assert "2026" in rows[0]
    assert "…" in rows[0]
    assert "32b7" in rows[0]
    assert "82b7" in rows[1]


@pytest.mark.parametrize("width", [58, 78, 98, 118, 198])
def test_a_click_on_a_title_sorts_by_it(width):
    columns = Columns.for_width(width)
    header = run_header(columns, "age").plain
    titles = {"run": "name", "best": "loss", "age": "age"} | ({"size": "size"} if columns.size else {})
    for title, sorts in titles.items():
        at = header.index(f" {title}") + 1
        assert [sort_at(columns, x) for x in (at, at + len(title) - 1)] == [sorts, sorts]
    assert sort_at(columns, header.index("state")) is None


def test_tags_stand_beside_the_name_where_they_have_no_column():
    run = a_run(tags=("baseline",), parent="20261120-170000-demo-99ab")
    assert "demo-3f2a #baseline" in run_row(run, Columns.for_width(117), 5000.0).plain
    wide = run_row(run, Columns.for_width(197), 5000.0).plain
    assert wide.index("↳ 99ab") < wide.index("#baseline")


@pytest.mark.parametrize("width", [58, 78, 118, 198])
def test_a_job_fits_and_stands_below_its_titles(width):
    job = JobRow(
        "prepare",
        "data/" + "wiki" * 20,
        "running",
        0.0,
        None,
        "encoding",
        3,
        4,
        "B",
        71.4e6,
        50.0,
        "620 M tokens",
    )
    columns = job_rows.Columns.for_width(width)
    header, row = job_rows.job_header(columns).plain, job_rows.job_row(job, columns, 60.0).plain
    assert len(row) <= width
    assert row.index("0:50") + len("0:50") == header.index("left") + len("left")
    assert row.index("━") == header.index("progress")
    assert ("620 M tokens" in row) == (width == 198)
