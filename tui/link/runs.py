"""The rows of the home screen, from the runs folder and the shelf of profiles. Reads only, in a thread."""

from __future__ import annotations

import time
from pathlib import Path

from engine.errors import SlotdeckError
from engine.profile.derive import slot_params
from engine.profile.load import load_profile
from engine.profile.shelf import ProfileFile, list_profiles
from engine.runlog.catalog import RunSummary, list_runs
from engine.runlog.index import History
from engine.units import counted, format_count
from tui.state.home import HomeView, ProfileRow, RunRow

CURVE_POINTS = 160


class HomeReader:
    """Looks at the folder again and again; the curves of runs that did not change are remembered."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._curves: dict[tuple[Path, int], tuple[float, ...]] = {}

    def read(self) -> HomeView:
        """Everything the home screen shows, newest run first."""
        runs = list_runs(self._runs_dir)
        self._curves = {(run.path, run.size_bytes): self._curve(run) for run in runs}
        return HomeView(
            runs_dir=self._runs_dir,
            runs=tuple(map(self._run_row, runs)),
            profiles=tuple(map(_profile_row, list_profiles())),
            now_wall_s=time.time(),
        )

    def _run_row(self, run: RunSummary) -> RunRow:
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
            curve=self._curves[run.path, run.size_bytes],
            started_wall_s=run.started_wall_s or 0.0,
            size_bytes=run.size_bytes,
            parent=run.parent,
        )

    def _curve(self, run: RunSummary) -> tuple[float, ...]:
        """The training loss in few points; empty for a log that cannot be read."""
        known = self._curves.get((run.path, run.size_bytes))
        if known is not None:
            return known
        try:
            losses = History(run.path).tracks.columns["loss_ema"].last
        except (SlotdeckError, OSError, KeyError):
            return ()
        if len(losses) <= CURVE_POINTS:
            return tuple(losses)
        return tuple(losses[i * (len(losses) - 1) // (CURVE_POINTS - 1)] for i in range(CURVE_POINTS))


def _profile_row(file: ProfileFile) -> ProfileRow:
    try:
        profile = load_profile(file.path)
    except SlotdeckError as error:
        return ProfileRow(file.name, file.about, error.message, problem=True)
    params = format_count(slot_params(profile.model))
    steps = format_count(profile.train.steps)
    detail = f"{counted(profile.model.n_layer, 'slot')} of {params} parameters  {steps} steps"
    return ProfileRow(file.name, file.about, detail)
