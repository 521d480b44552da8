"""A client process that reads its socket and counts, for figure 2: `python -m benchmarks.durability.reader RUN NAME`.

It prints what it got when the phase is over or it is let go: frames of the log, what the gaps say was left out, and the
last sequence number; together they must account for every number.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.events import StateChanged
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.runlog.endpoint import connect

LAST_WORD = "the phase is over"
"""Of the last event that a reader waits for."""


def main() -> None:
    """Read to the last word, or until let go."""
    got = {"frames": 0, "gaps": 0, "dropped": 0, "from_seq": 0, "to_seq": 0}
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
                if frame.kind == StateChanged.KIND and LAST_WORD.encode() in frame.payload:
                    peer.close()
                    return
                continue
            message = decode(frame.kind, frame.payload)
            if isinstance(message, m.Gap):
                got["gaps"] += 1
                got["dropped"] += message.dropped
            elif isinstance(message, m.Welcome):
                got["from_seq"] = message.from_seq


if __name__ == "__main__":
    main()
