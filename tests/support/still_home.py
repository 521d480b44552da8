"""A folder of runs that holds still, for pictures of the home screen; what is done to it is only noted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from engine.errors import SlotdeckError
from tui.state.home import HomeView, ProfileRow, RunRow

RUNS_DIR = Path("/home/ada/runs")
NOW_S = 1_000_120.0
FREE_BYTES = 70_400_000_000


class StillFolder:
    """Always the same view, or always the same error."""

    runs_dir = RUNS_DIR

    def __init__(
        self, runs: Iterable[RunRow] = (), profiles: Iterable[ProfileRow] = (), fault: str = ""
    ) -> None:
        self._view = HomeView(RUNS_DIR, tuple(runs), tuple(profiles), NOW_S, FREE_BYTES)
        self._fault = fault

    def views(self, in_sight: Sequence[Path] = ()) -> Iterator[HomeView]:
        if self._fault:
            raise SlotdeckError(self._fault)
        yield self._view

    def tag(self, paths: Iterable[Path], add: Sequence[str], remove: Sequence[str]) -> None: ...

    def note(self, paths: Iterable[Path], text: str) -> None: ...

    def archive(self, paths: Iterable[Path], archived: bool) -> None: ...

    def freed(self, paths: Iterable[Path]) -> int:
        return 14_000_000 * len(list(paths))

    def delete(self, paths: Iterable[Path]) -> None: ...
