"""The rows of the home screen, from the runs folder and the shelf of profiles; and what is done to runs there.

Reads in a thread: what is in sight first, then the rest in pieces, then the sizes. Of runs that are over nothing is
read twice (`engine.runlog.remembered`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from msgspec.structs import replace as with_changes

from engine.errors import SlotdeckError
from engine.profile.derive import slot_params
from engine.profile.load import load_profile
from engine.profile.shelf import ProfileFile, list_profiles
from engine.runlog.label import Label, change_label, noted, read_label, tagged
from engine.runlog.remembered import RememberedRuns
from engine.runlog.remove import check_deletable, delete_run, freed_bytes
from engine.runlog.summary import RunSummary
from engine.text import one_line
from engine.units import counted, format_count
from tui.state.home import UNREAD, HomeView, ProfileRow, RunRow

IN_SIGHT = 64
"""Runs read before anything is shown, when nothing is in sight yet."""
SHOW_EVERY_S = 0.3
ALL_EVERY = 5
"""Looks after which runs that are over and out of sight are looked at again too."""


class HomeReader:
    """Looks at the folder again and again. `views` is for one thread at a time."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._catalog: RememberedRuns | None = None
        self._rows: dict[Path, RunRow] = {}
        self._sizes: dict[Path, int] = {}
        self._profiles: tuple[ProfileRow, ...] = ()
        self._looks = 0

    def views(self, in_sight: Sequence[Path] = ()) -> Iterator[HomeView]:
        """The home screen, growing: the last one is whole.

        Raises:
            SlotdeckError: the folder cannot be read.
        """
        catalog = self._catalog = self._catalog or RememberedRuns(self.runs_dir)
        paths = catalog.paths()
        everything = self._looks % ALL_EVERY == 0
        if everything:
            self._profiles = tuple(map(_profile_row, list_profiles()))
        self._looks += 1
        first = [path for path in in_sight if path in set(paths)] or paths[:IN_SIGHT]
        rows = {path: self._rows.get(path) or _unread(path) for path in paths}
        self._rows = rows
        self._look(catalog, first)
        yield self._view()
        done = set(first)
        rest = [path for path in paths if path not in done and (everything or _may_change(rows[path]))]
        yield from self._in_pieces(catalog, rest)
        unsized = [path for path in paths if everything or rows[path].live or path not in self._sizes]
        yield from self._sized(catalog, unsized)
        catalog.save()

    # -- what is done to runs ----------------------------------------------------------------------------

    def tag(self, paths: Iterable[Path], add: Sequence[str], remove: Sequence[str]) -> None:
        """Add and take away tags. Raises SlotdeckError."""
        for path in paths:
            change_label(path, lambda label: tagged(label, add, remove))

    def note(self, paths: Iterable[Path], text: str) -> None:
        """Write a note, or with no text take it away. Raises SlotdeckError."""
        for path in paths:
            change_label(path, lambda label: noted(label, text))

    def archive(self, paths: Iterable[Path], archived: bool) -> None:
        """Put away, or bring back. Raises SlotdeckError."""
        for path in paths:
            change_label(path, lambda label: replace(label, archived=archived))

    def freed(self, paths: Iterable[Path]) -> int:
        """Bytes that deleting these gives back. Raises SlotdeckError when one may not be deleted."""
        total = 0
        for path in paths:
            check_deletable(path, self.runs_dir)
            total += freed_bytes(path)
        return total

    def delete(self, paths: Iterable[Path]) -> None:
        """For good. Raises SlotdeckError at the first that cannot go."""
        for path in paths:
            delete_run(path, self.runs_dir)

    # -- reading -----------------------------------------------------------------------------------------

    def _look(self, catalog: RememberedRuns, paths: Iterable[Path]) -> None:
        for path in paths:
            self._rows[path] = _run_row(catalog.look(path), read_label(path), self._sizes.get(path))

    def _in_pieces(self, catalog: RememberedRuns, paths: Sequence[Path]) -> Iterator[HomeView]:
        shown_s = time.monotonic()
        for path in paths:
            self._look(catalog, (path,))
            if time.monotonic() - shown_s > SHOW_EVERY_S:
                yield self._view()
                shown_s = time.monotonic()
        if paths:
            yield self._view()

    def _sized(self, catalog: RememberedRuns, paths: Sequence[Path]) -> Iterator[HomeView]:
        shown_s, news = time.monotonic(), False
        for path in paths:
            size = catalog.size(path)
            if size != self._sizes.get(path):
                self._sizes[path], news = size, True
                self._rows[path] = with_changes(self._rows[path], size_bytes=size)
            if news and time.monotonic() - shown_s > SHOW_EVERY_S:
                yield self._view()
                shown_s, news = time.monotonic(), False
        if news:
            yield self._view()

    def _view(self) -> HomeView:
        return HomeView(
            runs_dir=self.runs_dir,
            runs=tuple(self._rows.values()),
            profiles=self._profiles,
            now_wall_s=time.time(),
            free_bytes=_free_bytes(self.runs_dir),
        )


def _may_change(row: RunRow) -> bool:
    return row.live or row.state in (UNREAD, "starting")


def _unread(path: Path) -> RunRow:
    """What its name tells of a run."""
    return RunRow(
        path, one_line(path.name), "", UNREAD, False, 0, 0, None, None, (), _named_wall_s(path.name), None
    )


def _named_wall_s(name: str) -> float:
    try:
        return datetime.strptime(name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _run_row(run: RunSummary, label: Label, size_bytes: int | None) -> RunRow:
    return RunRow(
        path=run.path,
        run_id=run.run_id,
        profile_name=run.profile_name,
        state=run.outcome or run.state or "starting",
        live=run.live,
        step=run.step,
        total_steps=run.total_steps,
        val_loss=run.val_loss,
        loss=run.loss,
        curve=run.curve,
        started_wall_s=run.started_wall_s or _named_wall_s(run.path.name),
        size_bytes=size_bytes,
        parent=run.parent,
        best_val_loss=run.best_val_loss,
        best_step=run.best_step,
        reason=run.reason,
        tags=label.tags,
        note=label.note,
        archived=label.archived,
    )


def _free_bytes(folder: Path) -> int | None:
    for place in (folder, *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _profile_row(file: ProfileFile) -> ProfileRow:
    try:
        profile = load_profile(file.path)
    except SlotdeckError as error:
        return ProfileRow(file.name, file.about, error.message, problem=True)
    params = format_count(slot_params(profile.model))
    steps = format_count(profile.train.steps)
    detail = f"{counted(profile.model.n_layer, 'slot')} of {params} parameters  {steps} steps"
    return ProfileRow(file.name, file.about, detail)
