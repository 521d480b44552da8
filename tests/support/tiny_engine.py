"""An engine without a model: the real log, lock, journal, mailbox and server around a loop that only counts.

python tiny_engine.py RUN_DIR [--resume]      a process to attach to, kill and restart
TinyEngine(run_dir)                           the same parts inside a test
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from engine.control.journal import Journal
from engine.control.mailbox import Accepted, Mailbox
from engine.control.server import ControlServer
from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol.commands import verb_of
from engine.protocol.verbs import as_text
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter


def report(step: int, branch: int = 0) -> e.StepReport:
    """A step report whose every number follows from the step."""
    return e.StepReport(
        step=step, branch=branch, steps=1, tokens=step * 100, loss=8.0 / (1 + step), loss_ema=8.0 / (1 + step),
        lr=1e-3, grad_norm=1.0, tokens_per_s=1000.0, step_ms=5.0, data_ms=1.0, forward_ms=1.0, backward_ms=2.0,
        optimizer_ms=1.0, active_slots=4.0, precision="fp32", eta_s=10.0,
    )  # fmt: skip


class TinyEngine:
    """A run that steps when told to."""

    def __init__(self, run_dir: Path, total_steps: int = 1_000_000) -> None:
        self.run_dir = run_dir
        (run_dir / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock = RunLock(run_dir)
        self.journal = Journal.read(run_dir)
        self.rev, self.step, self.branch = self.journal.rev, 0, self.journal.branch
        self.state = "running"
        self.total_steps = total_steps
        self.ended = False
        self.disk_full = False
        self.mailbox = Mailbox()
        self.server: ControlServer | None = None
        self.log = LogWriter(run_dir, run_dir.name, on_frames=self._publish)
        self.server = ControlServer(
            run_dir, run_dir.name, self.log, self.mailbox, self.journal,
            state=lambda: self.state, rev=lambda: self.rev, step=lambda: self.step,
        )  # fmt: skip

    def __enter__(self) -> TinyEngine:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        assert self.server is not None
        self.server.start()
        self.log.commit(
            e.RunStarted(
                run_id=self.run_dir.name, profile_name="tiny", profile_toml='name = "tiny"\n',
                model=e.ModelInfo(family="none", params=80, stem_params=0, seq_len=8, vocab_size=16),
                slots=[e.SlotInfo(name=f"block.{i}", params=10) for i in range(8)],
                machine=e.Machine(host="box7", device="cpu", device_name="test", num_threads=1, torch="", python="",
                                  slotdeck="", platform=sys.platform),
                branch=self.branch, step=self.step, total_steps=self.total_steps, tokens_per_step=100,
                wall_s=time.time(), pid=os.getpid(),
            )
        )  # fmt: skip
        self.log.commit(e.StateChanged(state="running", step=self.step))
        for waiting in self.journal.unanswered:
            self.apply(waiting)

    def close(self) -> None:
        assert self.server is not None
        self.server.close()
        self.log.close()
        self.lock.release()

    def advance(self, steps: int = 1) -> None:
        for _ in range(steps):
            self.step += 1
            self.log.emit(report(self.step, self.branch))

    def drain(self) -> None:
        for accepted in self.mailbox.drain():
            self.apply(accepted)

    def apply(self, accepted: Accepted) -> None:
        command, text = accepted.command, as_text(accepted.command)
        if isinstance(command, c.Pin) and not command.slot.startswith("block."):
            self.log.commit(
                e.CommandRefused(
                    command_id=accepted.command_id, client_id=accepted.client_id, verb="pin", text=text,
                    step=self.step, code="unknown-slot", reason=f"no slot {command.slot}", remedy="see the table",
                )
            )  # fmt: skip
            return
        self.rev += 1
        self.log.commit(
            e.CommandApplied(
                command_id=accepted.command_id, client_id=accepted.client_id, verb=verb_of(command), text=text,
                step=self.step, branch=self.branch, rev=self.rev, before="", after=text,
            )
        )  # fmt: skip
        match command:
            case c.Pause():
                self._become("paused")
            case c.Resume():
                self._become("running")
            case c.Stop():
                self._become("stopping")
                self.log.commit(
                    e.RunEnded(step=self.step, outcome="stopped", reason="stopped by the operator")
                )
                self.ended = True
            case c.Step(n=n):
                self.advance(n)
            case c.Checkpoint():
                self._save(accepted.command_id)
            case _:
                pass

    def _save(self, command_id: str) -> None:
        """Slowly: a save that is due meanwhile is left out, which is told first."""
        failed = {"step": self.step, "level": "error", "code": "checkpoint-failed"}
        self.log.commit(e.Alarm(message="the checkpoint of step 20 was left out", **failed))  # type: ignore[arg-type]
        if self.disk_full:
            self.log.commit(e.Alarm(message="no room", command_id=command_id, **failed))  # type: ignore[arg-type]
        else:
            self.log.commit(
                e.CheckpointSaved(
                    step=self.step, branch=0, name="step-00000000", bytes=1, seconds=0.1, reason="asked",
                    command_id=command_id,
                )
            )  # fmt: skip

    def _become(self, state: str) -> None:
        self.state = state
        self.log.commit(e.StateChanged(state=state, step=self.step))

    def _publish(self, frames: list[tuple[int, int, bytes]]) -> None:
        if self.server is not None:
            self.server.publish(frames)


def main(run_dir: Path) -> int:
    """Step every few milliseconds until stopped."""
    try:
        engine = TinyEngine(run_dir)
    except SlotdeckError as error:
        print(error)  # noqa: T201
        return error.exit_code
    with engine:
        while not engine.ended:
            engine.drain()
            if engine.state == "running":
                engine.advance()
            engine.mailbox.wait(0.005)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
