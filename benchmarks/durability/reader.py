"""A client process that reads its socket and counts, for figure 2: `python -m benchmarks.durability.reader RUN NAME`.

It prints what it got when it is terminated: frames of the log, what the gaps say was left out, and the last sequence
number; together they must account for every number.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from pathlib import Path

from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.runlog.endpoint import connect


class Ended(BaseException):
    """Asked to print and go."""


def main() -> None:
    """Read until terminated or let go."""

    def end(*_: object) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, end)
    got = {"frames": 0, "gaps": 0, "dropped": 0, "from_seq": 0, "to_seq": 0}
    with suppress(Ended):
        _read(Path(sys.argv[1]), sys.argv[2], got)
    sys.stdout.write(json.dumps(got) + "\n")


def _read(run_dir: Path, name: str, got: dict[str, int]) -> None:
    peer = connect(run_dir)
    assert peer is not None, "nobody answers"
    peer.settimeout(None)
    hello = m.Hello(major=m.MAJOR, minor=m.MINOR, client_id=name, who=name, role="observe", have_seq=-1)
    peer.sendall(encode_frame(hello.KIND, 0, 0, encode(hello)))
    scanner = FrameScanner()
    while data := peer.recv(1 << 16):
        for frame in scanner.feed(data):
            assert isinstance(frame, Frame), "the server sent damage"
            if frame.seq:
                got["frames"] += 1
                got["to_seq"] = frame.seq
                continue
            message = decode(frame.kind, frame.payload)
            if isinstance(message, m.Gap):
                got["gaps"] += 1
                got["dropped"] += message.dropped
            elif isinstance(message, m.Welcome):
                got["from_seq"] = message.from_seq


if __name__ == "__main__":
    main()
