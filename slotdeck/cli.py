"""The command line: one function a sub-command, each importing what it needs when it runs.

`--help` and completion therefore answer at once, and nothing here ever imports torch. What a user can mend is
one line on stderr and an exit code: 2 for input, 1 for a run or command that failed.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import SlotdeckError
from engine.text import one_line
from slotdeck.bench.commands import app as bench_app
from slotdeck.say import note, say

app = typer.Typer(
    name="slotdeck",
    help="Train transformers by slots, with your hand on the controls.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(bench_app, name="bench")

Runs = Annotated[Path, typer.Option("--runs", envvar="SLOTDECK_RUNS", help="Folder of runs.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="A run: its name, a unique part of it, or its folder.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set one key of the profile.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines, even in a terminal.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return as soon as the engine steps.")]
Restarts = Annotated[
    int,
    typer.Option(
        "--restarts", metavar="N", min=0, max=1000, help="Start a crashed engine again, at most N times."
    ),
]
RUNS = Path("runs")
USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""What a mistake on the command line raises; typer has its own copy of click, or click itself."""


@app.callback(invoke_without_command=True)
def home(
    context: typer.Context,
    runs_dir: Runs = RUNS,
    read_only: Annotated[bool, typer.Option("--read-only", help="Watch only; start nothing.")] = False,
    version: Annotated[bool, typer.Option("--version")] = False,
) -> None:
    """Train transformers by slots, with your hand on the controls.

    Without a command: the home screen, with the runs and profiles there are.
    """
    if version:
        import slotdeck

        say(f"slotdeck {slotdeck.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        # `slotdeck --runs DIR train ...` means what `slotdeck train ... --runs DIR` means.
        context.default_map = {context.invoked_subcommand: {"runs_dir": str(runs_dir)}}
        return
    from slotdeck.terminal import has_terminal

    if not has_terminal():
        list_runs(runs_dir)
        return
    from slotdeck.journey import start_from_home
    from tui.app import run_home

    raise typer.Exit(run_home(runs_dir, lambda name: start_from_home(name, runs_dir), read_only))


@app.command()
def train(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name or file.")] = "",
    sets: Sets = None,
    runs_dir: Runs = RUNS,
    resume_run: Annotated[
        str, typer.Option("--resume", metavar="RUN", help="Go on with a run instead.")
    ] = "",
    restarts: Restarts = 0,
    detach: Detach = False,
    plain: Plain = False,
) -> None:
    """Train a profile and watch it.

    The engine works in the background and outlives this terminal; the cockpit opens in front, plain lines where
    there is no terminal.
    """
    from slotdeck import journey

    if resume_run:
        if profile:
            raise SlotdeckError(
                "a resumed run has its profile already", "leave PROFILE out; --set changes keys"
            )
        raise typer.Exit(
            journey.resume(resume_run, sets or [], runs_dir, detach=detach, plain=plain, restarts=restarts)
        )
    if not profile:
        from engine.profile.shelf import list_profiles

        names = ", ".join(found.name for found in list_profiles())
        raise SlotdeckError("no profile given", f"give a file, or one of: {names}")
    raise typer.Exit(
        journey.train(profile, sets or [], runs_dir, detach=detach, plain=plain, restarts=restarts)
    )


@app.command()
def demo(sets: Sets = None, runs_dir: Runs = RUNS, detach: Detach = False, plain: Plain = False) -> None:
    """Train on the source of Python's standard library.

    The whole journey in minutes, on any machine: its data is made in data/demo.
    """
    from slotdeck import journey

    raise typer.Exit(journey.train("demo", sets or [], runs_dir, detach=detach, plain=plain))


@app.command()
def resume(
    run: Run,
    sets: Sets = None,
    runs_dir: Runs = RUNS,
    restarts: Restarts = 0,
    detach: Detach = False,
    plain: Plain = False,
) -> None:
    """Go on with a run that was stopped or killed.

    From its newest good checkpoint; --set changes its profile from there on.
    """
    from slotdeck import journey

    raise typer.Exit(journey.resume(run, sets or [], runs_dir, detach=detach, plain=plain, restarts=restarts))


@app.command()
def fork(
    run: Run,
    at: Annotated[
        str,
        typer.Option("--at", metavar="CHECKPOINT|STEP|best", help="Where it begins; else at the newest."),
    ] = "",
    sets: Sets = None,
    begin: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    runs_dir: Runs = RUNS,
    detach: Detach = False,
    plain: Plain = False,
) -> None:
    """Make a new run that begins at a checkpoint of another, with some settings changed.

    The other run may be live or over; it is not touched.
    """
    from engine.runlog.catalog import find_run
    from slotdeck.fork import fork_run, tell_how_to_start

    made = fork_run(find_run(run, runs_dir), at, sets or [])
    if not begin:
        tell_how_to_start(made)
        return
    from slotdeck import journey

    raise typer.Exit(journey.resume(str(made), [], made.parent, detach=detach, plain=plain))


@app.command()
def rerun(
    run: Run, sets: Sets = None, runs_dir: Runs = RUNS, detach: Detach = False, plain: Plain = False
) -> None:
    """Train a run again: its profile, data and seed, and its commands at the steps they were applied at.

    --set changes keys of the profile.
    """
    from engine.runlog.catalog import find_run
    from slotdeck import journey
    from slotdeck.rerun import make_rerun

    made = make_rerun(find_run(run, runs_dir), sets or [])
    raise typer.Exit(journey.begin(made, detach=detach, plain=plain))


@app.command()
def attach(
    run: Run,
    runs_dir: Runs = RUNS,
    read_only: Annotated[bool, typer.Option("--read-only", help="Watch only.")] = False,
    plain: Plain = False,
) -> None:
    """Open the cockpit on a run.

    Without a terminal it is followed in plain lines.
    """
    from slotdeck import journey

    raise typer.Exit(journey.attach(run, runs_dir, read_only=read_only, plain=plain))


@app.command()
def replay(run: Run, runs_dir: Runs = RUNS) -> None:
    """Play a recorded run in the cockpit."""
    from engine.runlog.catalog import find_run
    from slotdeck.terminal import command_line, has_terminal, shown_path

    run_dir = find_run(run, runs_dir)
    if not has_terminal():
        raise SlotdeckError(
            "a replay needs a terminal", f"for text use: {command_line('dump', shown_path(run_dir))}"
        )
    from tui.app import run_replay

    raise typer.Exit(run_replay(run_dir))


@app.command("runs")
def list_runs(runs_dir: Runs = RUNS) -> None:
    """List the runs, newest first."""
    from slotdeck.listing import runs_table

    for line in runs_table(runs_dir):
        say(line)


@app.command(context_settings={"ignore_unknown_options": True})
def send(
    run: Run,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="VERB [ARGUMENT]...", help="As in the cockpit.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Take the controls from whoever holds them.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait for each answer.")
    ] = 60.0,
    runs_dir: Runs = RUNS,
) -> None:
    """Send a command to a live run and print its life.

    The exit code is 0 only when it was applied, 1 when it was refused.

    pause · resume · step [N] · stop [save=no] · checkpoint · rollback [CHECKPOINT|STEP|best] ·
    fork [CHECKPOINT|STEP|best] [KEY=VALUE] · lr VALUE|xFACTOR|schedule · batch SIZE|auto ·
    recompute N · precision fp32|bf16|fp16 · policy NAME · pin SLOT [until=+N] · ban SLOT ·
    release SLOT · prune SLOT|amount=N [dry_run=yes] · export · evaluate · sample [PROMPT] · note TEXT
    """
    from engine.protocol.verbs import parse_command
    from engine.runlog.catalog import find_run
    from slotdeck.send import send as send_command

    command = parse_command(words or [])
    send_command(find_run(run, runs_dir), command, take=take, timeout_s=timeout_s, say=say)


@app.command()
def prepare(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="parquet, txt, json or jsonl files, or folders.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to make.")],
    text_column: Annotated[str, typer.Option(help="Of parquet files.")] = "text",
    text_key: Annotated[str, typer.Option(help="Of json and jsonl files.")] = "text",
    tokenizer: Annotated[
        str,
        typer.Option(
            metavar="FILE|train",
            help="A tokenizer.json, a folder with one or GPT-2's two files, or train one.",
        ),
    ] = "train",
    vocab_size: Annotated[int, typer.Option(help="Of a trained tokenizer.")] = 8192,
    encoding: Annotated[str, typer.Option(help="Of text files.")] = "utf-8",
    workers: Annotated[int, typer.Option(help="Processes; 0 chooses.")] = 0,
    val_share: Annotated[float, typer.Option(help="Share of the documents for validation.")] = 0.01,
    on_bad: Annotated[
        str, typer.Option(metavar="skip|refuse", help="What to do with nulls and invalid text.")
    ] = "skip",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what DIR holds.")] = False,
) -> None:
    """Turn text into token shards to train on."""
    from slotdeck.prepare import prepare_data

    prepare_data(
        inputs, out, text_column=text_column, text_key=text_key, tokenizer=tokenizer, vocab_size=vocab_size,
        encoding=encoding, workers=workers, val_share=val_share, on_bad=on_bad, overwrite=overwrite,
    )  # fmt: skip


@app.command()
def export(
    run: Run,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to make.")],
    checkpoint: Annotated[
        str, typer.Option(metavar="NAME|newest|best", help="Which of the run's checkpoints.")
    ] = "newest",
    dtype: Annotated[str, typer.Option(metavar="fp32|bf16", help="Of the tensors; fp32 is exact.")] = "fp32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Write a run's model as GPT-2 weights that transformers loads."""
    from engine.runlog.catalog import find_run
    from slotdeck.export import export_run

    run_dir = find_run(run, runs_dir)
    export_run(run_dir, to, checkpoint=checkpoint, dtype=dtype, overwrite=overwrite, say=say)


@app.command("import-checkpoint")
def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What torch.save wrote: .pt, .pth or .bin.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to make.")],
    n_head: Annotated[
        int, typer.Option("--n-head", min=0, help="Where the file does not say; 0: it does.")
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier import.")] = False,
) -> None:
    """Turn a PyTorch file of GPT-2 weights into a folder to begin a run with.

    The one place where pickle is read, by torch.load(weights_only=True): import only what you trust.
    """
    from slotdeck.import_checkpoint import import_file

    import_file(file, to, n_head=n_head, overwrite=overwrite)


@app.command()
def dump(run: Run, runs_dir: Runs = RUNS) -> None:
    """Print a run's log, one JSON line a frame."""
    from engine.runlog.catalog import find_run
    from engine.runlog.dump import dump as dump_lines

    for line in dump_lines(find_run(run, runs_dir)):
        say(line)


@app.command()
def doctor(runs_dir: Runs = RUNS) -> None:
    """Say what this machine can do, and what to mend."""
    from slotdeck.doctor.examine import examine

    raise typer.Exit(examine(runs_dir, say))


def main() -> None:
    """The `slotdeck` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 gets escapes
    try:
        sys.exit(app(prog_name="slotdeck", standalone_mode=False))
    except SlotdeckError as error:
        _complain(str(error), error.exit_code)
    except USAGE_ERROR as error:
        context = error.ctx
        where = context.command_path if context is not None else "slotdeck"
        _complain(f"{error.format_message().rstrip('.')}; see: {where} --help", error.exit_code)
    except typer.Abort:
        _complain("interrupted", 130)
    except BrokenPipeError:  # `slotdeck dump RUN | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}", 1)


def _complain(line: str, exit_code: int) -> None:
    note(f"slotdeck: {one_line(line, 2000)}")
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
