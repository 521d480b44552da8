"""What home does to runs: tags, notes, the archive, deleting. Asked in place, done in a thread, told in the corner.

Nothing is deleted that was not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from textual import work

from engine.errors import SlotdeckError
from engine.text import one_line
from engine.units import counted, format_bytes
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.home.choosing import SHORT_NAME_CELLS, Choosing, named
from tui.screens.parts.hand_over import hand_over
from tui.state.home import HomeView, RunRow


class RunsFolder(Protocol):
    """The runs as home sees them. Everything blocks and may raise SlotdeckError; `views` serves one thread."""

    runs_dir: Path

    def views(self, in_sight: Sequence[Path] = ()) -> Iterator[HomeView]: ...
    def tag(self, paths: Iterable[Path], add: Sequence[str], remove: Sequence[str]) -> None: ...
    def note(self, paths: Iterable[Path], text: str) -> None: ...
    def archive(self, paths: Iterable[Path], archived: bool) -> None: ...
    def freed(self, paths: Iterable[Path]) -> int: ...
    def delete(self, paths: Iterable[Path]) -> None: ...


class Keeping(Choosing):
    """A screen that lists runs and keeps order among them."""

    def __init__(self, folder: RunsFolder) -> None:
        super().__init__()
        self.folder = folder
        self._asked_of: tuple[RunRow, ...] = ()

    def action_tag(self) -> None:
        """Tags that all the chosen have, to be changed."""
        shared = _shared_tags(self.chosen)
        self._ask_of_chosen(
            "tags", "tags of", " ".join(shared), "words such as baseline; remove one to take it away"
        )

    def action_note(self) -> None:
        """A line about the chosen."""
        notes = {run.note for run in self.chosen}
        text = notes.pop() if len(notes) == 1 else ""
        self._ask_of_chosen("note", "note on", text, "a line; empty takes it away")

    def _ask_of_chosen(self, about: str, question: str, text: str, hint: str) -> None:
        self._asked_of = self.chosen
        self.ask(about, f"{question} {named(self.chosen, SHORT_NAME_CELLS)}", text, hint)

    def action_archive(self) -> None:
        """Away with the chosen, or back with them when all are away."""
        chosen = self.chosen
        archived = not all(run.archived for run in chosen)
        what = f"{named(chosen)} {'archived; X shows what is' if archived else 'in the list again'}"
        self._do(partial(self.folder.archive, [run.path for run in chosen], archived), what)

    def action_delete(self) -> None:
        """Ask first, with what it frees."""
        self._weigh(self.chosen)

    @work(thread=True)
    def _weigh(self, chosen: Sequence[RunRow]) -> None:
        try:
            freed = self.folder.freed([run.path for run in chosen])
        except (OSError, SlotdeckError) as error:
            hand_over(self, self._complain, str(error))
        else:
            hand_over(self, self._ask_to_delete, chosen, freed)

    def _ask_to_delete(self, chosen: Sequence[RunRow], freed: int) -> None:
        names = [one_line(run.run_id) for run in chosen]
        shown = "\n".join(names[:6]) + (f"\nand {len(names) - 6} more" if len(names) > 6 else "")
        what = names[0] if len(names) == 1 else counted(len(names), "run")

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self._do(
                    partial(self.folder.delete, [run.path for run in chosen]),
                    f"{what} deleted; {format_bytes(freed)} freed",
                )

        self.app.push_screen(
            ConfirmScreen(
                f"Delete {'this run' if len(names) == 1 else what}?",
                f"{shown}\n\nThis frees {format_bytes(freed)} and cannot be undone: log, checkpoints and exports go.",
                {
                    "no": "Keep it" if len(names) == 1 else "Keep them",
                    "yes": f"Delete, and free {format_bytes(freed)}",
                },
            ),
            answered,
        )

    @work(thread=True)
    def _do(self, act: Callable[[], None], what: str) -> None:
        """Something to runs, in a thread, and what came of it."""
        try:
            act()
        except (OSError, SlotdeckError) as error:
            hand_over(self, self._complain, str(error))
        else:
            hand_over(self, self.notify, what)
        hand_over(self, self._look_after)

    def _look_after(self) -> None:
        self.marked.clear()
        self.call_after_refresh(self.reload)

    def _complain(self, error: str) -> None:
        self.notify(error, severity="error", timeout=8)

    def answer(self, about: str, text: str) -> None:
        """Do what the line was opened for."""
        asked_of = self._asked_of
        paths = [run.path for run in asked_of]
        if about == "tags" and asked_of:
            wanted = [word.removeprefix("#") for word in text.replace(",", " ").split()]
            remove = [tag for tag in _shared_tags(asked_of) if tag not in wanted]
            self._do(partial(self.folder.tag, paths, wanted, remove), f"tags of {named(asked_of)} kept")
        elif about == "note" and asked_of:
            self._do(partial(self.folder.note, paths, text), f"note on {named(asked_of)} kept")


def _shared_tags(chosen: Sequence[RunRow]) -> list[str]:
    return [tag for tag in chosen[0].tags if all(tag in run.tags for run in chosen)]
