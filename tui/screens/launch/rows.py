"""Rows of the form that starts a run: fields, figures, help and the command line, as text for a given width."""

from __future__ import annotations

import textwrap

from textual.content import Content

from engine.profile.fields import Field, as_text, value_of
from engine.text import one_line
from tui.state.formatting import fit
from tui.state.launch.form import FIRST, Form
from tui.state.launch.prospect import Figure

KEY_CELLS, VALUE_CELLS = 27, 16
VALUE_AT = KEY_CELLS + 2
"""Column at which values begin."""
TABLES = {
    "": "Profile",
    "model": "Model",
    "data": "Data",
    "train": "Training",
    "optim": "Optimizer",
    "slots": "Slots",
    "precision": "Precision",
    "evaluate": "Validation",
    "sample": "Samples",
    "checkpoint": "Checkpoints",
    "guard": "Guards",
    "prune": "Pruning",
    "telemetry": "Telemetry",
}

Line = Field | str
"""A field, or a title over some."""


def lines(found: list[Field], filtered: bool) -> list[Line]:
    """What the form lists: first what people change, then the rest by table; filtered, what was found by table."""
    by_key = {row.key: row for row in found}
    first = [] if filtered else [by_key[key] for key in FIRST if key in by_key]
    rest = [row for row in found if filtered or row.key not in FIRST]
    made: list[Line] = ["Most often changed", *first] if first else []
    table: str | None = None
    for row in rest:
        if row.table != table:
            table = row.table
            made.append(TABLES.get(table, table))
        made.append(row)
    return made


def field_row(row: Field, form: Form, width: int) -> Content:
    """Key, value, and what is wrong with it, what it was, or what it means."""
    value, wrong, changed = form.text(row.key), form.wrong.get(row.key, ""), row.key in form.sets
    shown = (
        one_line(value) if value else "made by itself" if row.key == "data.dir" and form.brings_data else "–"
    )
    room = max(0, width - VALUE_AT - VALUE_CELLS - 2)
    if len(shown) > VALUE_CELLS and not wrong and not changed:
        shown = fit(shown, VALUE_CELLS + room)
    else:
        shown = fit(shown, VALUE_CELLS) if len(shown) > VALUE_CELLS else f"{shown:<{VALUE_CELLS}}"
    room = max(0, width - VALUE_AT - len(shown) - 2)
    if wrong:
        remark, colour = f"✗ {one_line(wrong, 400)}", "$error"
    elif changed:
        remark, colour = f"was {one_line(_before(row, form)) or 'empty'}", "$accent"
    else:
        remark, colour = row.help, "$quiet"
    return Content.assemble(
        ("• " if changed else "  ", "$accent"),
        f"{row.key:<{KEY_CELLS}}",
        (shown, "bold $error" if wrong else "bold $accent" if changed else "" if value else "$quiet"),
        ("  " + fit(remark, room) if room > 6 else "", colour),
    )


def title_row(text: str) -> Content:
    """Over some fields."""
    return Content.assemble((f"  {text}", "$quiet"))


def figure_row(figure: Figure, width: int) -> Content:
    """One derived number."""
    room = width - 18 - 11 - 2
    return Content.assemble(
        (f"{figure.label:<18}", "$quiet"),
        (f"{figure.value:>11}", "bold" if figure.label == "memory" else ""),
        (f"  {fit(figure.remark, room)}" if room > 4 and figure.remark else "", "$quiet"),
    )


def few_figures(figures: list[Figure], width: int) -> list[Content]:
    """The figures side by side, where there is no room for a panel: two rows."""
    shown = [figure for figure in figures if not figure.label.startswith("  ")]
    rows: list[list[Content]] = [[], []]
    used = [0, 0]
    for figure in shown:
        cells = len(figure.label) + len(figure.value) + 4
        at = 0 if used[0] + cells <= width else 1
        if used[at] + cells <= width:
            rows[at].append(Content.assemble((f"{figure.label} ", "$quiet"), figure.value))
            used[at] += cells
    return [Content("   ").join(row) for row in rows]


def help_rows(row: Field | None, form: Form, width: int) -> list[Content]:
    """What the highlighted field means, or in full what is wrong with it: two rows."""
    if row is None:
        return [Content(), Content()]
    wanted = f"{row.key}: {row.wanted}"
    head = Content.assemble(
        (wanted, "bold"), (f"   the profile has {one_line(_before(row, form)) or 'nothing'}", "$quiet")
    )
    wrong = form.wrong.get(row.key, "")
    text, colour = (f"✗ {one_line(wrong, 1000)}", "$error") if wrong else (row.help, "$quiet")
    wrapped = textwrap.wrap(text, max(20, width), max_lines=2, placeholder=" …") or [""]
    return [head, *(Content.assemble((line, colour)) for line in wrapped)]


def command_rows(command: str, width: int, rows: int) -> list[Content]:
    """The command line, broken between words where a shell would read on."""
    parts = textwrap.wrap(
        one_line(command, 4000), max(20, width - 4), break_long_words=True, break_on_hyphens=False
    )
    shown = parts[:rows]
    made = []
    for number, part in enumerate(shown):
        more = number < len(parts) - 1
        tail = " …" if more and number == len(shown) - 1 else " \\" if more else ""
        made.append(Content.assemble(("$ " if not number else "  ", "$quiet"), (part, ""), (tail, "$quiet")))
    return made


def _before(row: Field, form: Form) -> str:
    return as_text(value_of(form.base, row.key))
