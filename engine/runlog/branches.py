"""The branches of a run: which came from which, and so which checkpoints lie on the way to where it is.

    0 ----- 60 ------- 100
             \\
              1 ------ 80 ----       went back to step-00000060: 70, 80, 90, 100 of branch 0 are left

A branch begins where the run goes back: by a rollback, to a checkpoint (`WentBack`), and what came after it is left;
or by a resume that takes steps again (`RunStarted`), and nothing is left, for those steps come out as they were.
Built from the log by `engine.control.journal`, kept current by `engine.train`. It judges names and numbers, and reads
no file.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from engine.protocol import events as e


class Place(NamedTuple):
    """A checkpoint, as its manifest has it."""

    branch: int
    step: int
    name: str


class Origin(Struct, frozen=True):
    """Where a branch begins."""

    branch: int
    """The one it came from."""
    checkpoint: Place | None
    """What it went back to; None: a resume, which left nothing behind."""


class Branches:
    """The branches so far, and the one the run is on."""

    def __init__(self) -> None:
        self.current = 0
        """Always the highest."""
        self._origins: dict[int, Origin] = {}
        self._begun = False
        """Whether an engine has told its branch: the first of a fork has the number that it had in the parent."""

    @property
    def went_back(self) -> bool:
        """Whether there was ever a rollback."""
        return any(origin.checkpoint for origin in self._origins.values())

    def copy(self) -> Branches:
        """The same branches, to be followed by somebody else."""
        other = Branches()
        other.current, other._origins, other._begun = self.current, self._origins, self._begun
        return other

    def resumed(self, branch: int) -> None:
        """The run goes on, on `branch`: a new one if steps are taken again."""
        self._begun = True
        if branch > self.current:
            self._origins = {**self._origins, branch: Origin(self.current, None)}
            self.current = branch

    def turn(self, branch: int, checkpoint: Place) -> None:
        """The run goes on from `checkpoint`, on a new branch."""
        assert branch > self.current, f"branch {branch} after {self.current}"
        self._begun = True
        # In one assignment: the thread that deletes old checkpoints asks meanwhile.
        self._origins = {**self._origins, branch: Origin(checkpoint.branch, checkpoint)}
        self.current = branch

    def take(self, event: e.RunStarted | e.WentBack) -> None:
        """Follow one event of the log."""
        if isinstance(event, e.RunStarted):
            self.resumed(event.branch)
        else:
            self.turn(event.branch, Place(event.of_branch, event.step, event.checkpoint))

    def hold(self, place: Place) -> bool:
        """Whether a checkpoint lies on the way: the run as it is now came through it.

        Before its first engine a run has left nothing: what is there is what it begins with.
        """
        if not self._begun:
            return True
        branch = self.current
        ends: list[Place] = []
        while branch >= place.branch:
            if branch == place.branch:
                return all(place.step < end.step or place == end for end in ends)
            origin = self._origins.get(branch)
            if origin is None:
                return False
            if origin.checkpoint is not None:
                ends.append(origin.checkpoint)
            branch = origin.branch
        return False
