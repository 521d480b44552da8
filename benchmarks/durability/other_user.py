"""Figure 11: what another user of the same machine can do to a run: nothing.

    python -m benchmarks.durability.other_user attack|knock|listen RUN_DIR      as that user; root becomes it

Only the run's own modes protect it here: the folders above it are open to everybody. The attempts are made by a process
that gave up its rights after its imports; one attempt is a line `name: refused (why)` or `name: DONE`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "tests" / "support")) if path not in sys.path]

from benchmarks.durability.proof import Proof, Row, count_row
from engine.errors import SlotdeckError
from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.runlog.catalog import create_run
from engine.runlog.endpoint import connect, user_folder

NOBODY = 65_534
OPEN = 0o755
NAME = "victim"


def can_become_another() -> bool:
    """Only root can."""
    return sys.platform == "linux" and os.getuid() == 0


def attempt_all(folder: Path) -> list[str]:
    """A live run in `folder`, attacked. One line an attempt."""
    from tiny_engine import TinyEngine  # type: ignore[import-not-found]

    folder.chmod(OPEN)
    temp = folder / "temp"
    temp.mkdir(mode=0o777)
    temp.chmod(0o1777)
    runs = folder / "runs"
    runs.mkdir(mode=OPEN)
    run_dir = create_run(runs, NAME, "", 1_795_251_600.0, "0000")
    (run_dir / "engine.out").touch(mode=0o600)
    with TinyEngine(run_dir) as engine:
        engine.advance(50)
        lines = _as_nobody("attack", run_dir)
        (run_dir / "sock").chmod(0o777)
        for path in (run_dir, run_dir / "log"):
            path.chmod(0o777)
        lines += [f"with every mode open, {line}" for line in _as_nobody("knock", run_dir)]
        for path in (run_dir, run_dir / "log"):
            path.chmod(0o700)
    lines += _impostor(run_dir)
    lines += _squatter(temp, run_dir)
    return lines


def _impostor(run_dir: Path) -> list[str]:
    """A stranger listens where the engine would: does our client talk to it?"""
    run_dir.chmod(0o777)
    with subprocess.Popen(
        [sys.executable, "-m", __name__, "listen", str(run_dir)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as stranger:  # fmt: skip
        assert stranger.stdout is not None
        stranger.stdout.readline()
        try:
            peer = connect(run_dir)
            return [f"listen in the engine's place: {'DONE' if peer else 'NOT NOTICED'}"]
        except SlotdeckError as error:
            return [
                f"listen in the engine's place: refused ({error.message.removeprefix(str(run_dir) + os.sep)})"
            ]
        finally:
            stranger.kill()
            run_dir.chmod(0o700)


def _squatter(temp: Path, run_dir: Path) -> list[str]:
    """A stranger made the folder in the temp directory that our fallback would use."""
    before, tempfile.tempdir = tempfile.tempdir, str(temp)
    try:
        squatted = user_folder(temp)
        squatted.mkdir(mode=0o700)
        os.chown(squatted, NOBODY, NOBODY)
        try:
            peer = connect(run_dir)
        except SlotdeckError as error:
            return [
                f"own the socket folder in the temp directory: refused ({error.message.split(' ', 1)[1]})"
            ]
        return [f"own the socket folder in the temp directory: {'DONE' if peer else 'NOT NOTICED'}"]
    finally:
        tempfile.tempdir = before
        shutil.rmtree(squatted, ignore_errors=True)


def _as_nobody(what: str, run_dir: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, what, str(run_dir)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# -- the other user ---------------------------------------------------------------------------------------------


def become_nobody() -> None:
    """For good: groups, then all three user ids, and with them every capability."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _try(name: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (OSError, SlotdeckError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        sys.stdout.write(f"{name}: refused ({why})\n")
    else:
        sys.stdout.write(f"{name}: DONE\n")


def _connected(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(2)
        peer.connect(path)


def attack(run_dir: Path) -> None:
    """Everything a stranger could try from outside."""
    sock, log = run_dir / "sock", run_dir / "log" / "000000.slog"
    pid = os.getppid()
    spare = Path(tempfile.gettempdir(), f"slotdeck-attack-{os.getpid()}")
    _try("connect to the socket", lambda: _connected(str(sock)))
    _try("connect through /proc", lambda: _connected(f"/proc/{pid}/cwd/{os.path.relpath(sock, ROOT)}"))
    _try("connect as our own client would", lambda: _found(run_dir))
    _try("list the run", lambda: os.listdir(run_dir))
    _try("list the log folder", lambda: os.listdir(run_dir / "log"))
    _try("list the checkpoints", lambda: os.listdir(run_dir / "checkpoints"))
    _try("enter the run", lambda: os.chdir(run_dir))
    _try("read the log", lambda: log.read_bytes())
    _try("read the profile", lambda: (run_dir / "profile.toml").read_bytes())
    _try("read the engine's output", lambda: (run_dir / "engine.out").read_bytes())
    _try("read an open file of the engine", lambda: _open_files(pid))
    _try("append to the log", lambda: log.open("ab").close())
    _try("cut the log", lambda: os.truncate(log, 0))
    _try("remove the socket", lambda: sock.unlink())
    _try("replace the socket", lambda: _replaced(sock, spare))
    _try("move the run away", lambda: run_dir.rename(run_dir.with_name("gone")))
    _try("put a file into the run", lambda: (run_dir / "planted").touch())
    _try("put a link into the log", lambda: (run_dir / "log" / "000001.slog").symlink_to("/etc/passwd"))
    _try("open the modes", lambda: run_dir.chmod(0o777))
    _try("take the lock", lambda: (run_dir / "lock").open("r+").close())
    _try("make a run beside it", lambda: run_dir.with_name("20990101-000000-mine-0000").mkdir())
    _try("stop the engine", lambda: os.kill(pid, signal.SIGTERM))
    _try("find an abstract socket of it", _abstract)
    _try("find a TCP listener of it", _listener)


def knock(run_dir: Path) -> None:
    """The socket's modes are out of the way: does the server let a stranger in?"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(5)
        peer.connect(str(run_dir / "sock"))
        hello = m.Hello(
            major=m.MAJOR, minor=m.MINOR, client_id="x", who="root@here", role="control", have_seq=0
        )
        said, scanner = [], FrameScanner()
        with suppress(OSError):  # it may have hung up on us already
            peer.sendall(encode_frame(hello.KIND, 0, 0, encode(hello)))
        with suppress(OSError):
            while data := peer.recv(65_536):
                said += [decode(f.kind, f.payload) for f in scanner.feed(data) if isinstance(f, Frame)]
        refused = [word.code for word in said if isinstance(word, m.Refused)]
        let_in = any(isinstance(word, m.Welcome) for word in said)
        outcome = "DONE" if let_in else f"refused ({', '.join(refused) or 'hung up'})"
        sys.stdout.write(f"be served: {outcome}\n")


def listen(run_dir: Path) -> None:
    """Put a socket where the engine's would be, and wait."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(run_dir / "sock"))
        (run_dir / "sock").chmod(0o777)
        listener.listen()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        signal.pause()


def _found(run_dir: Path) -> None:
    if connect(run_dir) is None:
        raise PermissionError(0, "nobody answers")


def _replaced(sock: Path, spare: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mine:
        mine.bind(str(spare))
        try:
            spare.rename(sock)
        finally:
            spare.unlink(missing_ok=True)


def _open_files(pid: int) -> None:
    for name in os.listdir(f"/proc/{pid}/fd"):
        Path(f"/proc/{pid}/fd/{name}").read_bytes()


def _abstract() -> None:
    lines = Path("/proc/net/unix").read_text().splitlines()
    if not any("@" in line and ("slotdeck" in line or NAME in line) for line in lines):
        raise FileNotFoundError(0, "there is none")


def _listener() -> None:
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            inodes = {line.split()[9] for line in list(file)[1:] if line.split()[3] == "0A"}
        if inodes & LISTENING:
            return
    raise FileNotFoundError(0, "there is none")


LISTENING: set[str] = set()
"""Inodes of the engine's sockets, looked at while we still could."""


def _sockets_of(pid: int) -> set[str]:
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _row(_: Path) -> Row:
    figure = "another uid got into a run: connected, listed, read, wrote, replaced the socket"
    if not can_become_another():
        return {"figure": figure, "value": "not run", "unit": "", "aim": 0, "met": None, "note": "needs root"}
    with tempfile.TemporaryDirectory(prefix="slotdeck-") as open_folder:  # the one given is private
        lines = attempt_all(Path(open_folder))
    done = [line for line in lines if "refused" not in line]
    for line in done:
        print("  ", line)
    note = (
        f"uid {NOBODY}, the folders above the run open to all; then with the run's own modes opened as well"
    )
    return count_row(figure, len(done), len(lines), "attempts", note)


def proofs(long: bool) -> list[Proof]:  # noqa: ARG001 (it has one form)
    """The claim of figure 11."""
    return [Proof(11, "other-user", _row)]


if __name__ == "__main__":
    LISTENING |= _sockets_of(os.getppid())
    tempfile.gettempdir()
    become_nobody()
    {"attack": attack, "knock": knock, "listen": listen}[sys.argv[1]](Path(sys.argv[2]))
