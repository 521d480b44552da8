"""What the `slotdeck` script calls: the short way to the cockpit, a replay and home, else the whole command line.

Typer takes longer to load than these three take to be understood. The short way knows the exact spellings only: what
is spelled otherwise, asks for help, has settings to read or no terminal goes to `slotdeck.cli`, so that nothing is
answered differently here.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.errors import SlotdeckError
from engine.text import one_line
from slotdeck.say import note
from slotdeck.terminal import has_terminal

_FLAGS = {"attach": ("--read-only", "--thin"), "replay": ("--thin",), "": ("--read-only", "--thin")}


def main() -> None:
    """The `slotdeck` command."""
    with answered():
        short = short_way(sys.argv[1:], os.environ) if has_terminal() else None
        if short is not None:
            sys.exit(short())
        from slotdeck import cli  # half a second in which ctrl+c is as good as later
    cli.main()


def short_way(words: Sequence[str], environ: Mapping[str, str]) -> Callable[[], int] | None:
    """What `attach RUN`, `replay RUN` or nothing at all opens; None where the command line has to say."""
    from tui.config_path import config_path

    if "_SLOTDECK_COMPLETE" in environ or config_path(environ).exists():
        return None
    verb = words[0] if words and words[0] in _FLAGS else ""
    runs_dir, runs, flags = environ.get("SLOTDECK_RUNS") or "runs", [], set()
    rest = iter(words[1:] if verb else words)
    for word in rest:
        if word in _FLAGS[verb]:
            flags.add(word)
        elif word == "--runs":
            runs_dir = next(rest, "")
            if not runs_dir or runs_dir.startswith("-"):
                return None
        elif word and not word.startswith("-"):
            runs.append(word)
        else:
            return None
    if len(runs) != bool(verb):
        return None
    return lambda: _open(verb, "".join(runs), Path(runs_dir), "--read-only" in flags, "--thin" in flags)


def _open(verb: str, run: str, runs_dir: Path, read_only: bool, thin: bool) -> int:
    gc.disable()  # until the app is on screen: nothing that is loaded goes away
    if verb == "attach":
        from slotdeck.attach import attach

        return attach(run, runs_dir, read_only=read_only, plain=False, thin=thin)
    from slotdeck.starter import starter
    from tui.app import run_home, run_replay

    if verb == "replay":
        from engine.runlog.catalog import find_run

        run_dir = find_run(run, runs_dir)
        return run_replay(run_dir, starter(run_dir.parent), thin=thin)
    return run_home(runs_dir, starter(runs_dir), read_only, thin=thin)


@contextmanager
def answered() -> Iterator[None]:
    """Within it, what a user can mend ends as one line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 gets escapes
    try:
        yield
    except SlotdeckError as error:
        complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        complain("interrupted", 130)
    except BrokenPipeError:  # `slotdeck dump RUN | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}", 1)


def complain(line: str, exit_code: int) -> None:
    """One line, and the end."""
    note(f"slotdeck: {one_line(line, 2000)}")
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
