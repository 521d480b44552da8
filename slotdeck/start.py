"""From a profile to a running engine: judge everything first, make the run folder, start, wait for its word.

`slotdeck train`, `slotdeck demo` and the cockpit's home screen start runs through here. A run that is refused
leaves nothing behind. No torch in this process: the engine judges what needs it.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import SlotdeckError
from engine.profile.checks import check
from engine.profile.derive import padded_vocab, train_seq_len
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.profile.shelf import find_profile
from engine.profile.write import to_toml
from engine.protocol.codec import decode
from engine.protocol.events import Progress
from engine.runlog.catalog import create_run
from engine.runlog.lock import is_live
from engine.runlog.private import check_run_folder
from engine.runlog.reader import LogReader
from engine.runlog.restarts import kept_going
from engine.runlog.run_folder import PROFILE
from engine.runlog.summary import summarise
from engine.small_file import write_whole
from engine.text import one_line
from slotdeck.say import Say
from slotdeck.terminal import command_line, shown_path
from tui.link.spawn import OUTPUT, Spawned, spawn

DEMO = "demo"
DEMO_DATA = Path("data", "demo")
_POLL_S = 0.05
REFUSED = 2
"""Exit code of an engine that would not begin: the user can mend it."""


def prepare_profile(name: str, sets: Sequence[str], build_demo_data: Callable[[Path], None]) -> Profile:
    """The profile, found able to train: settings, data folder and token shards.

    Args:
        name: a profile's name or path. The demo brings its own data unless `sets` name other.
        sets: `key=value` words.
        build_demo_data: makes the demo's data in a folder; called only for the demo.

    Raises:
        SlotdeckError: anything that would keep it from training, and the remedy.
    """
    path = find_profile(name)
    profile = load_profile(path, sets)
    if path.stem == DEMO and not any(word.partition("=")[0].strip() == "data.dir" for word in sets):
        check(profile, data=False)
        build_demo_data(DEMO_DATA)
        profile = load_profile(path, [*sets, f"data.dir={DEMO_DATA}"])
    check(profile)
    check_tokens(profile)
    return profile


def check_tokens(profile: Profile) -> None:
    """The shards are whole, of one vocabulary, fit the model and hold at least a batch.

    Raises:
        SlotdeckError: naming the file or folder and what to do.
    """
    from engine.data.shards import Shards

    folder = profile.data.dir
    length = train_seq_len(profile)
    for split, wanted in (("train", profile.train.batch_size * length + 1), ("val", length + 1)):
        shards = Shards.open(folder, split)
        shards.check_vocab(profile.model.vocab_size or padded_vocab(shards.vocab_size))
        if shards.num_tokens < wanted:
            raise SlotdeckError(
                f"{one_line(folder)} has {shards.num_tokens:,} {split} tokens, fewer than one batch of {wanted:,}",
                "prepare more text, or lower train.batch_size or data.seq_len",
            )


def create(profile: Profile, runs_dir: Path) -> Path:
    """A new run folder for a profile that `prepare_profile` gave."""
    return create_run(runs_dir, profile.name, to_toml(profile), time.time(), secrets.token_hex(2))


def start_new(run_dir: Path, say: Say, restarts: int = 0) -> Spawned:
    """Start the engine of a fresh run and wait until it is ready to step.

    `restarts`: how often it is started again after a crash, by a parent that outlives us as well.

    Raises:
        SlotdeckError: it refused; the run folder is gone again. After a crash the folder stays, as evidence.
    """
    try:
        return _launch(run_dir, resume=False, say=say, restarts=restarts)
    except SlotdeckError as error:
        if error.exit_code == REFUSED:
            shutil.rmtree(run_dir, ignore_errors=True)
        raise


def start_again(run_dir: Path, sets: Sequence[str], say: Say, restarts: int = 0) -> Spawned:
    """Start an engine on a run that has ended or was killed; it goes on from the newest good checkpoint.

    Args:
        run_dir: the run.
        sets: `key=value` words that change its profile from here on, such as train.steps of a finished run.
        say: takes each line.
        restarts: as for `start_new`.

    Raises:
        SlotdeckError: an engine is at work on it or about to be, or it refused; the profile is then as it was.
    """
    holder = is_live(run_dir)
    if holder is not None:
        raise SlotdeckError(
            f"{one_line(run_dir.name)} is live (pid {holder.pid} on {one_line(holder.host)})",
            f"watch it with: {command_line('attach', shown_path(run_dir))}",
        )
    if (parent := kept_going(run_dir)) is not None:
        raise SlotdeckError(
            f"{one_line(run_dir.name)}: {parent.told(time.time())}, by pid {parent.pid} on {one_line(parent.host)}",
            f"watch it with: {command_line('attach', shown_path(run_dir))}, or end it with: kill {parent.pid}",
        )
    check_run_folder(run_dir)
    path = run_dir / PROFILE
    before = _read_profile(path)
    changed = to_toml(_changed(path, sets)) if sets else ""
    _check_can_go_on(run_dir)
    if changed:
        _replace(path, changed)
    try:
        return _launch(run_dir, resume=True, say=say, restarts=restarts)
    except SlotdeckError:
        if sets:
            _replace(path, before)
        raise


def _check_can_go_on(run_dir: Path) -> None:
    """A run that was killed before its first checkpoint begins again; one that has done its work must not.

    Raises:
        SlotdeckError: it finished, and no checkpoint of it is left.
    """
    if summarise(run_dir).outcome == "finished" and not any((run_dir / "checkpoints").glob("step-*")):
        raise SlotdeckError(
            f"{one_line(run_dir.name)} is finished, and no checkpoint of it is left to go on from",
            f"train it again: {command_line('rerun', shown_path(run_dir))}",
        )


def _changed(path: Path, sets: Sequence[str]) -> Profile:
    """The run's profile with some keys set anew."""
    profile, old = load_profile(path, sets), load_profile(path)
    if profile.model != old.model or profile.name != old.name:
        raise SlotdeckError("a resumed run keeps its name and its model", "start a new run for another model")
    check(profile, begun=True)
    return profile


def _read_profile(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SlotdeckError(f"{path} cannot be read: {why}", "restore it; the log holds it too") from None


def _replace(path: Path, text: str) -> None:
    """All of the new text or all of the old, whenever the machine stops.

    Raises:
        SlotdeckError: it cannot be written; the old text stands.
    """
    try:
        write_whole(path, text.encode(), durable=True)
    except OSError as error:
        raise SlotdeckError(
            f"{path} cannot be written: {error.strerror}", "check the run folder and the free space"
        ) from None


def _launch(run_dir: Path, resume: bool, say: Say, restarts: int) -> Spawned:
    say("starting the engine")
    spawned = spawn(run_dir, resume=resume, restarts=restarts)
    reader: LogReader | None = None
    told = ""
    try:
        while spawned.look() is None:
            reader = reader or LogReader(run_dir, from_seq=spawned.log_from)
            for entry in reader.poll():
                event = decode(entry.kind, entry.payload)
                if isinstance(event, Progress) and event.task != told:
                    told = event.task
                    say(one_line(f"{event.task} {event.detail}".strip()))
            time.sleep(_POLL_S)
    except SlotdeckError as error:
        if error.exit_code == REFUSED:
            raise
        remedy = error.remedy or f"see {shown_path(run_dir / OUTPUT)}"
        raise SlotdeckError(f"the engine failed: {error.message}", remedy, error.exit_code) from None
    except KeyboardInterrupt:
        spawned.process.send_signal(signal.SIGTERM)
        spawned.process.wait()
        raise SlotdeckError("interrupted before the run began", "start it again when you like") from None
    return spawned
