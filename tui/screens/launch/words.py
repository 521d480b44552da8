"""What the form says above its fields: which profile, and whether it can be started."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from engine.units import counted
from tui.screens.parts.text_rows import apart
from tui.state.launch.form import Form, shown_name


def title(form: Form | None, profile: str, width: int, read_only: bool) -> Content:
    """The profile, what it is about, and how much of it was changed."""
    about = one_line(form.base.about) if form is not None else ""
    changed = f"{len(form.sets)} changed" if form is not None and form.sets else ""
    left = Content.assemble(
        ("launch ", "bold"), (one_line(shown_name(profile)), "bold $accent"),
        ("  read-only" if read_only else "", "$quiet"), (f"   {about}", "$quiet"),
    ).truncate(max(10, width - (len(changed) + 2 if changed else 0)), ellipsis=True)  # fmt: skip
    return apart(left, Content.assemble((changed, "$accent")), width)


def status(form: Form | None, refused: str, starting: bool, words: str, found: int) -> Content:
    """What is in the way of a start, or what to think of; before it how many keys match the words."""
    if refused:
        return Content.assemble((f"✗ {one_line(refused, 1024)}", "$error"))
    if starting:
        return Content.assemble(("◌ starting the engine …", "$success"))
    if form is None:
        return Content()
    if form.wrong:
        return Content.assemble(
            (f"✗ {counted(len(form.wrong), 'thing')} to mend before it can start", "$error")
        )
    matching = f"{found} keys match “{one_line(words)}”   " if words else ""
    if form.advice:
        return Content.assemble(matching, (f"! {one_line(form.advice[0], 400)}", "$warning"))
    return Content.assemble(matching, ("✓ can be started", "$success"))
