"""What people give by mistake, and what slotdeck says to it: the cases of the test and of docs/bad-input.md.

Each case is a command line in a folder with good things in it (`tokens`, a finished run, a profile) and one bad one. It
is run in this process, as the installed command would run it.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

Prepare = Callable[[Path], object]
RUN = "20261121-090000-demo-3f2a"
HOME = "/home/ada/"
"""How the folder is shown where a line has its full path."""
TRAIN = ("train", "tiny", "--set", "data.dir=tokens")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One case."""

    group: str
    what: str
    """Of the table: what is wrong."""
    words: tuple[str, ...]
    says: str
    """Part of the line."""
    prepare: Prepare = field(default=lambda _: None)
    environment: dict[str, str] = field(default_factory=dict, hash=False)
    code: int = 2
    shown_to: str = ""
    """The table shows no more: what follows is another library's, and changes with it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it."""

    code: int
    out: str
    err: str
    written: list[str]
    """Files that appeared, changed or went."""


def profile(text: str | bytes) -> Prepare:
    """Writes mine.toml."""
    return lambda folder: (folder / "mine.toml").write_bytes(
        text if isinstance(text, bytes) else text.encode()
    )


def file(name: str, content: bytes = b"") -> Prepare:
    """Writes a file."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return write


def cut(name: str, size: int) -> Prepare:
    """Shortens a file; the name may be a pattern."""
    return lambda folder: [
        os.truncate(path, max(0, path.stat().st_size + size)) for path in folder.glob(name)
    ]


def gone(name: str) -> Prepare:
    """Removes files or a folder."""

    def remove(folder: Path) -> None:
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def parquet(**columns: list[object]) -> Prepare:
    """Writes t.parquet."""

    def write(folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns), folder / "t.parquet")

    return write


def settings(*pairs: str) -> tuple[str, ...]:
    """`--set` words."""
    return tuple(word for pair in pairs for word in ("--set", pair))


def _mine(text: str | bytes, what: str, says: str) -> Mistake:
    return Mistake("Profiles", what, ("train", "mine.toml"), says, profile(text))


def _key(pair: str, what: str, says: str) -> Mistake:
    return Mistake("Settings", what, (*TRAIN, *settings(pair)), says)


def _own(text: bytes, what: str, says: str) -> Mistake:
    return Mistake("Your settings", what, ("runs",), says, file("config/slotdeck/config.toml", text))


def _verb(words: str, what: str, says: str) -> Mistake:
    return Mistake("Verbs", what, ("send", RUN, *words.split(" ")), says)


def _data(prepare: Prepare, what: str, says: str) -> Mistake:
    return Mistake("Token shards", what, TRAIN, says, prepare)


def _text(prepare: Prepare, what: str, says: str, *words: str) -> Mistake:
    return Mistake(
        "Text to prepare", what, ("prepare", *(words or ("t.txt",)), "--out", "made"), says, prepare
    )


SOME_TEXT = file("t.txt", b"a text " * 500)
MISTAKES: tuple[Mistake, ...] = (
    Mistake("Command line", "a command that does not exist", ("tran",),
            "no such command 'tran' (did you mean 'train'?)"),
    Mistake("Command line", "an option that does not exist", ("train", "--fast"), "no such option: --fast"),
    Mistake("Command line", "an option without its value", ("train", "tiny", "--set"), "requires an argument"),
    Mistake("Command line", "no run named", ("attach",), "missing argument 'RUN'"),
    Mistake("Command line", "one word too many", ("dump", RUN, "again"), "unexpected extra argument"),
    Mistake("Command line", "a number out of its range", ("train", "tiny", "--restarts", "-1"),
            "invalid value for '--restarts'"),
    Mistake("Command line", "a word for a number", ("send", RUN, "pause", "--timeout", "soon"),
            "invalid value for '--timeout'"),
    Mistake("Command line", "no profile", ("train",), "no profile given"),
    Mistake("Command line", "a profile for a run that has one", ("train", "tiny", "--resume", "x"), "has its profile"),
    Mistake("Command line", "a replay where there is no terminal", ("replay", RUN), "needs a terminal"),
    Mistake("Profiles", "a misspelt profile", ("train", "tny"), "did you mean 'tiny'"),
    Mistake("Profiles", "a file that is not there", ("train", "./mine.toml"), "mine.toml"),
    Mistake("Profiles", "a folder", ("train", "./tokens"), "tokens"),
    _mine("train = {", "text that is not TOML", "not TOML"),
    _mine(b"about = 'caf\xe9'", "a file that is not UTF-8", "is not UTF-8"),
    _mine("[train]\nsteps = 'many'\n", "a word where a number belongs", "line 2"),
    _mine("[train]\nsteps = 3\nsteps = 4\n", "a key twice", "not TOML"),
    _mine("[train]\nstep = 3\n", "a misspelt key", "did you mean 'steps'"),
    _mine("[trian]\nsteps = 3\n", "a misspelt table", "did you mean 'train'"),
    _mine("a = " + "[" * 5000 + "]" * 5000, "brackets without end", "nested too deeply"),
    _mine("[train]\nsteps = " + "9" * 5000, "a number with 5,000 digits", "mine.toml"),
    _mine("[optim]\nlr = nan\n", "a learning rate that is no number", "optim.lr"),
    _mine("[optim]\nlr = 1e400\n", "an infinite learning rate", "optim.lr"),
    _mine("x" * (1 << 20) + "yz", "a file of a megabyte", "larger than any profile"),
    _mine("base = 'gone'\n", "a base that is not there", "gone"),
    _mine("base = 'mine.toml'\n", "a base that is itself", "mine.toml"),
    Mistake("Settings", "no data folder", ("train", "tiny"), "data.dir is not set"),
    _key("train.step=3", "a misspelt key", "did you mean 'steps'"),
    _key("train.steps", "a key without a value", "train.steps"),
    _key("train.steps=0", "no steps", "train.steps"),
    _key("train.steps=1.5", "half a step", "train.steps"),
    _key("train.batch_size=-4", "a negative batch", "train.batch_size"),
    _key("optim.lr=fast", "a word for a rate", "optim.lr"),
    _key("optim.name=sgdx", "an optimizer that does not exist", "optim.name"),
    _key("slots.policy=best", "a policy that does not exist", "slots.policy"),
    _key("model.n_head=3", "heads that do not divide the width", "n_head"),
    _key("model.dropout=2", "a share above one", "model.dropout"),
    _key("train.device=tpu", "a device that does not exist", "train.device"),
    _key("name=../../etc", "a name that leaves its folder", "name"),
    _key("model.vocab_size=100", "a vocabulary smaller than the data's", "vocab_size is 100"),
    _key("train.batch_size=100000", "a batch larger than the data", "fewer than one batch"),
    _data(gone("tokens"), "a folder that is not there", "does not exist"),
    _data(gone("tokens/*.bin"), "a folder without shards", "tokens"),
    _data(gone("tokens/val*"), "no validation shards", "val"),
    _data(cut("tokens/train*.bin", -1000), "a shard cut short", "train"),
    _data(cut("tokens/train*.bin", -(1 << 40)), "an empty shard", "train"),
    _data(file("tokens/meta.json", b"{"), "a meta.json that is not JSON", "meta.json"),
    Mistake("Runs", "a run that does not exist", ("attach", "x"), "no run 'x'"),
    Mistake("Runs", "a folder of runs without any", ("attach", "x", "--runs", "none"), "no runs in none"),
    Mistake("Runs", "a path to nowhere", ("dump", "./nowhere"), "does not exist"),
    Mistake("Runs", "a folder that is no run", ("dump", "./tokens"), "not a run folder"),
    Mistake("Runs", "a file for the folder of runs", (*TRAIN, "--runs", "t.txt"), "t.txt is a file", file("t.txt")),
    Mistake("Runs", "a name that two runs have", ("dump", "2026"), "2 runs match",
            lambda folder: shutil.copytree(folder / "runs" / RUN, folder / "runs" / f"{RUN}b")),
    Mistake("Runs", "a command for a run that has ended", ("send", RUN, "pause"), "is not running"),
    Mistake("Runs", "a resume without a profile", ("resume", RUN), "profile.toml", gone(f"runs/{RUN}/profile.toml")),
    Mistake("Runs", "a resume with another model", ("resume", RUN, *settings("model.n_layer=9")), "keeps its name"),
    Mistake("Runs", "a resume of a finished run whose checkpoints are gone", ("resume", RUN),
            "train it again: slotdeck rerun"),
    Mistake("Runs", "a run that others may write", ("resume", RUN), "may be written by others",
            lambda folder: (folder / "runs" / RUN).chmod(0o777)),
    Mistake("Runs", "a link for its log", ("resume", RUN), "is a symbolic link",
            lambda folder: (folder / "runs" / RUN / "checkpoints").symlink_to("/tmp")),
    Mistake("Runs", "a log of a newer format", ("dump", RUN), "newer",
            lambda folder: _newer_log(folder / "runs" / RUN / "log" / "000000.slog")),
    Mistake("Checkpoints", "an export of a run that has none", ("export", RUN, "--to", "made"), "checkpoint"),
    Mistake("Checkpoints", "a fork of a run that has none", ("fork", RUN), f"slotdeck send {RUN} checkpoint"),
    Mistake("Checkpoints", "a damaged one", ("export", RUN, "--to", "made"), "step-00000010",
            file(f"runs/{RUN}/checkpoints/step-00000010/MANIFEST", b"nonsense")),
    Mistake("Checkpoints", "an unknown type", ("export", RUN, "--to", "made", "--dtype", "fp7"), "fp7"),
    Mistake("Leaving", "no format to export", ("export-run", RUN), "no format given"),
    Mistake("Leaving", "an export where one is", ("export-run", RUN, "--csv", "--to", "out"), "--overwrite",
            file("out/csv/slotdeck-export.json")),
    Mistake("Leaving", "an export over something else", ("export-run", RUN, "--csv", "--to", "out", "--overwrite"),
            "holds no export", file("out/csv/thesis.txt")),
    Mistake("Leaving", "a file for the folder of an export", ("export-run", RUN, "--csv", "--to", "out"), "is a file",
            file("out/csv")),
    Mistake("Leaving", "a report over a file", ("report", RUN, "--to", "t.html"), "--overwrite", file("t.html")),
    Mistake("Leaving", "a report where there is no folder", ("report", RUN, "--to", "gone/t.html"),
            "cannot be written"),
    Mistake("Leaving", "a run without an event", ("report", "./runs/empty"), "has not begun",
            lambda folder: (folder / "runs" / "empty" / "log").mkdir(parents=True)),
    Mistake("Leaving", "a pace that is no number", ("watch", RUN, "--every", "slow"), "invalid value for '--every'",
            shown_to="invalid value for '--every'"),
    Mistake("Weights", "a file that is not there", ("import-checkpoint", "gone.pt", "--to", "made"), "gone.pt"),
    Mistake("Weights", "a file that is no checkpoint", ("import-checkpoint", "t.pt", "--to", "made"), "t.pt",
            file("t.pt", b"PK\x03\x04 no zip"), shown_to="damaged"),
    Mistake("Weights", "a pickle that would run code", ("import-checkpoint", "t.pt", "--to", "made"), "t.pt",
            file("t.pt", b"cos\nsystem\n(S'true'\ntR."), shown_to="damaged"),
    _text(file("t.txt"), "an empty file", "t.txt"),
    _text(file("t.txt", b"caf\xe9 " * 50), "Latin-1 read as UTF-8, refused", "t.txt", "t.txt", "--on-bad", "refuse"),
    _text(lambda _: None, "a file that is not there", "t.txt"),
    _text(file("t.exe", b"x"), "a file of another kind", "t.exe", "t.exe"),
    _text(file("t.json", b'{"text": '), "broken JSON", "t.json", "t.json", "--on-bad", "refuse"),
    _text(file("t.parquet", b"PAR1"), "a truncated parquet file", "t.parquet", "t.parquet"),
    _text(parquet(body=["a", "b"]), "no such column", "text", "t.parquet"),
    _text(parquet(text=[1, 2]), "a column of numbers", "t.parquet", "t.parquet"),
    _text(parquet(text=[None, None]), "a column of nulls", "t.parquet", "t.parquet"),
    _text(SOME_TEXT, "an unknown way with bad text", "did you mean 'skip'", "t.txt", "--on-bad", "skp"),
    _text(SOME_TEXT, "an encoding that does not exist", "utf-9", "t.txt", "--encoding", "utf-9"),
    _text(SOME_TEXT, "a share above one", "val", "t.txt", "--val-share", "1.5"),
    _text(SOME_TEXT, "a tokenizer that is not there", "gone", "t.txt", "--tokenizer", "gone.json"),
    Mistake("Verbs", "none", ("send", RUN), "no verb given"),
    _verb("pasue", "a misspelt verb", "did you mean 'pause'"),
    _verb("lr -3", "a negative rate", "not a learning rate"),
    _verb("lr nan", "no number", "not a learning rate"),
    _verb("step 0", "no steps", "0 steps"),
    _verb("pin 3 duty=0.3", "a duty between the quarters", "duty 0.3"),
    _verb("pin 3 until=soon", "a step that is none", "is not a step"),
    _verb("precision fp4", "an unknown precision", "no precision 'fp4'"),
    _verb("batch 0", "an empty batch", "not a number of sequences"),
    _verb("stop save=maybe", "neither yes nor no", "neither yes nor no"),
    _verb("prune", "nothing to prune", "name slots"),
    _verb("pause now", "an argument too many", "one argument too many"),
    _verb("note", "an empty note", "note"),
    Mistake("Environment", "a file for SLOTDECK_RUNS", ("runs",), "t.txt", file("t.txt"), {"SLOTDECK_RUNS": "t.txt"}),
    _own(b"theme = dark\n", "no TOML", "is not TOML"),
    _own(b'them = "dark"\n', "a misspelt setting", "did you mean 'theme'?"),
    _own(b'theme = "drak"\n', "a theme there is not", "did you mean 'dark'?"),
    _own(b"refresh_hz = 60\n", "more than the screen is drawn", "give a number from 0.5 to 10"),
    _own(b'[keys.live]\npni = "ctrl+b"\n', "a misspelt action", "did you mean 'pin'?"),
    _own(b'[keys.liv]\npin = "ctrl+b"\n', "a screen there is not", "did you mean 'live'?"),
    _own(b'[keys.live]\npin = "ctrl+pgup"\n', "a key there is not", "is not a key"),
    _own(b'[keys.live]\npin = "q"\n', "a key that is taken", "would be pin and leave"),
    Mistake("Your settings", "a setting there is not, to be set", ("config", "them", "light"), "did you mean 'theme'?"),
    Mistake("Your settings", "a value it cannot have", ("config", "units", "metric"), "is none of binary, decimal"),
    Mistake("Your settings", "a rate in the environment", ("config",), "is not a rate", environment={
            "SLOTDECK_REFRESH_HZ": "fast"}),
)  # fmt: skip


def _newer_log(path: Path) -> None:
    """Same bytes, another format number, right checksum."""
    import msgpack

    from engine.protocol.frames import HEADER, encode_frame
    from engine.runlog.segment import FILE_MAGIC

    data = path.read_bytes()
    start = len(FILE_MAGIC)
    length = HEADER.unpack_from(data, start)[3]
    header = msgpack.unpackb(data[start + HEADER.size : start + HEADER.size + length]) | {"format": 99}
    framed = encode_frame(240, 0, 0, msgpack.packb(header))
    path.write_bytes(data[:start] + framed + data[start + HEADER.size + length :])


def good_folder(folder: Path) -> Path:
    """Token shards of a fixed text and a finished run."""
    from fake_run import FakeRun, write_fake_run

    from engine.data.prepare import prepare

    texts = folder / "texts"
    texts.mkdir(parents=True)
    for number in range(40):
        (texts / f"{number}.txt").write_text(f"the {number}th text is about the number {number}. " * 30)
    prepare([texts], folder / "tokens", vocab_size=300, val_share=0.2, workers=1)
    shutil.rmtree(texts)
    run_dir = write_fake_run(folder / "runs" / RUN, FakeRun(RUN, steps=50))
    (run_dir / "profile.toml").write_text('name = "demo"\n[data]\ndir = "tokens"\n')
    return folder


def commit(mistake: Mistake, folder: Path) -> Said:
    """Make it in this folder, which holds what `good_folder` makes."""
    mistake.prepare(folder)
    before = _snapshot(folder)
    with _standing_in(folder, mistake.environment):
        code, out, err = _call(list(mistake.words))
    after = _snapshot(folder)
    err = err.replace(f"{folder}{os.sep}", HOME)
    return Said(
        code, out, err, sorted(name for name in before | after if before.get(name) != after.get(name))
    )


def table(said: dict[Mistake, Said]) -> str:
    """The page docs/bad-input.md."""
    lines = [
        "# Bad input",
        "",
        "A mistake costs one line on stderr: what is wrong, where, and what to do. The exit code is 2, nothing is "
        "written, and no traceback is shown.",
        "",
        "Made from the cases of `tests/contract/test_bad_input.py`, which run all of these, by "
        "`python docs/bad_input_table.py`; do not edit by hand.",
    ]
    group = ""
    for mistake, answer in said.items():
        if mistake.group != group:
            group = mistake.group
            lines += ["", f"## {group}", "", "| given | slotdeck says |", "|---|---|"]
        line = answer.err.strip().removeprefix("slotdeck: ")
        shown = line if len(line) <= 260 else line[:259] + "…"
        if mistake.shown_to:
            before, found, _ = line.partition(mistake.shown_to)
            shown = f"{before}{found} …"
        code = f" (exit code {answer.code})" if answer.code != 2 else ""
        lines.append(f"| {mistake.what} | {_cell(shown)}{code} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


@contextlib.contextmanager
def _standing_in(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(folder)
    try:
        with mock.patch.dict(
            os.environ,
            {
                "TERM": "dumb",
                "SLOTDECK_RUNS": "runs",
                "XDG_CONFIG_HOME": str(folder / "config"),
                **environment,
            },
        ):
            yield
    finally:
        os.chdir(here)


def _call(words: list[str]) -> tuple[int, str, str]:
    from slotdeck import cli

    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", ["slotdeck", *words]), mock.patch.object(sys, "stdin", io.StringIO()):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                code: object = 0
            except SystemExit as leaving:
                code = leaving.code
    return (code if isinstance(code, int) else 0), out.getvalue(), err.getvalue()


def _snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            0 if path.is_dir() else path.lstat().st_mtime_ns,
        )
        for path in folder.rglob("*")
    }
