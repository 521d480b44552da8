"""Where home leads: cockpits, replays, comparisons, the form, jobs. Posts messages; the app opens the screens."""

from __future__ import annotations

from tui.messages import (
    CompareAsked,
    CsvAsked,
    LaunchAsked,
    PipelinesAsked,
    ProfileChosen,
    RunLeft,
    RunOpened,
)
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.keeping import Keeping, RunsFolder

_ON_RUNS = ("replay", "mark", "compare", "tag", "note", "archive", "delete", "write_csv")
_CHANGES = ("tag", "note", "archive", "delete", "start")


class Opening(Keeping):
    """What keys do that lead away from the lists, and which keys there are now."""

    def __init__(self, folder: RunsFolder, read_only: bool) -> None:
        super().__init__(folder)
        self.read_only = read_only

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that need a run or a profile show only when one is highlighted."""
        if action in _CHANGES and self.read_only:
            return False
        if action in _ON_RUNS:
            return self.run is not None
        match action:
            case "attach":
                return self.run is not None and self.run.live
            case "open" | "launch":
                return self.run is not None or self.profile is not None
            case "start":
                return self.profile is not None
            case "clear":
                return bool(self.marked or self.words)
            case "filter" | "sort":
                return self.view is not None and len(self.view.runs) > 1
            case "switch_list":
                return bool(self.runs.count and self.profiles.count)
        return True

    def action_open(self) -> None:
        """What enter means for the highlighted row."""
        if (run := self.run) is not None:
            self.post_message(RunOpened(run.path, replay=not run.live))
        elif (name := self.profile) is not None:
            self.post_message(LaunchAsked(name))

    def action_attach(self) -> None:
        """Open the run live."""
        if (run := self.run) is not None:
            self.post_message(RunOpened(run.path, replay=False))

    def action_replay(self) -> None:
        """Open the run as a replay, live or not."""
        if (run := self.run) is not None:
            self.post_message(RunOpened(run.path, replay=True))

    def action_compare(self) -> None:
        """The marked runs, or one that others are chosen for."""
        from tui.state.compared import MOST_RUNS  # only who compares pays for it

        paths = tuple(run.path for run in self.chosen)
        if len(paths) > MOST_RUNS:
            self.notify(
                f"{len(paths)} runs are marked; up to {MOST_RUNS} can be compared", severity="warning"
            )
        else:
            self.post_message(CompareAsked(paths))

    def action_write_csv(self) -> None:
        """What was logged of the run as CSV."""
        if (run := self.run) is not None:
            self.post_message(CsvAsked(run.path))

    def action_launch(self) -> None:
        """The profile, or that of the run."""
        if (run := self.run) is not None:
            self.post_message(LaunchAsked(str(run.path.absolute() / "profile.toml")))
        elif (name := self.profile) is not None:
            self.post_message(LaunchAsked(name))

    def action_start(self) -> None:
        """Start the highlighted profile."""
        if (name := self.profile) is not None:
            self.notify(f"starting {name}")
            self.post_message(ProfileChosen(name))

    def action_pipelines(self) -> None:
        """Long jobs."""
        self.post_message(PipelinesAsked(self.folder.runs_dir))

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("home"))

    def action_leave(self) -> None:
        """Quit; the runs go on."""
        self.post_message(RunLeft(""))
