"""`python -m engine.jobs ORDER`: one job, started by the engine and never by hand."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress

import msgspec

from engine.errors import SlotdeckError
from engine.jobs.order import Answer, AnyOrder, Export, PruneTrial, write_answer
from engine.jobs.progress import Told
from engine.protocol.events import Scalar

NICE, NICE_SET_BY = 19, "SLOTDECK_JOBS_NICE"
"""The training comes first: measured, a child at 19 leaves its step alone, one at 0 makes it four times as long."""
_PR_SET_PDEATHSIG = 1


def main(argument: str) -> None:
    """Do what the order says and leave the answer."""
    order = msgspec.json.decode(argument, type=AnyOrder)
    _end_with(order.parent_pid)
    os.umask(0o077)
    os.nice(_nice())
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # if the machine runs out of memory, this process goes before the engine
    try:
        answer = Answer(order=order, ended_wall_s=0.0, result=_work(order))
    except SlotdeckError as error:
        answer = Answer(order=order, ended_wall_s=0.0, error=error.message, remedy=error.remedy)
    write_answer(msgspec.structs.replace(answer, ended_wall_s=time.time()))


def _nice() -> int:
    wanted = os.environ.get(NICE_SET_BY, "")
    return min(int(wanted), NICE) if wanted.isascii() and wanted.isdigit() else NICE


def _work(order: AnyOrder) -> dict[str, Scalar]:
    match order:
        case PruneTrial():
            from engine.jobs.trial import judge

            return judge(order, Told(order))
        case Export():
            from engine.jobs.export import write

            return write(order, Told(order))


def _end_with(parent_pid: int) -> None:
    """Never outlive the engine, not even one that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:  # it ended before we could ask to be told
        os._exit(1)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
