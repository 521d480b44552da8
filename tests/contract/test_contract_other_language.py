"""docs/runlog.md is enough: a reader made from that page alone, with struct, zlib and msgpack, reads the log."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import contract_samples as samples
import msgpack
from fake_run import write_fake_run

from engine.protocol.codec import decode
from engine.runlog.footing import MAX_FOOTER, FooterBuilder
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.segment import FORMAT, SEGMENT_BYTES, encode_footer

FRAME = struct.Struct("<2sBBIQQI")


def frame_at(data: bytes, at: int) -> tuple[int, int, int, bytes]:
    """(kind, seq, t_ns, payload)"""
    magic, _, kind, length, seq, t_ns, crc = FRAME.unpack_from(data, at)
    payload = data[at + 28 : at + 28 + length]
    assert magic == b"\xa7\x4e"
    assert crc == zlib.crc32(data[at : at + 24] + payload)
    return kind, seq, t_ns, payload


def read(data: bytes) -> tuple[dict[str, Any], list[tuple[int, int, int, bytes]], dict[str, Any]]:
    """Header, events and footer of a sealed segment."""
    assert data[:8] == b"SLOTLOG\x01"
    offset, magic = struct.unpack("<Q8s", data[-16:])
    assert magic == b"SLOTSEAL"
    frames, at = [], 8
    while at <= offset:
        frames.append(frame_at(data, at))
        at += 28 + len(frames[-1][3])
    assert at == len(data) - 16
    assert (frames[0][0], frames[-1][0]) == (240, 241)
    return msgpack.unpackb(frames[0][3]), frames[1:-1], msgpack.unpackb(frames[-1][3])


def packed(code: str, data: bytes) -> list[Any]:
    return [value for (value,) in struct.iter_unpack(f"<{code}", data)]


def check(data: bytes) -> None:
    header, events, footer = read(data)
    assert footer["frames"] == len(events)
    assert footer["head_seq"] == events[-1][1]
    assert header["first_seq"] == events[0][1]
    index = footer["index"]
    assert packed("Q", index["seq"]) == [event[1] for event in events[::256]]
    for seq, t_ns, offset in zip(
        *(packed(c, index[k]) for c, k in zip("QQI", ("seq", "t_ns", "offset"), strict=True)), strict=True
    ):
        assert frame_at(data, offset)[1:3] == (seq, t_ns)
    reliable = footer["reliable"]
    for seq, kind, offset in zip(
        packed("Q", reliable["seq"]), reliable["kind"], packed("I", reliable["offset"]), strict=True
    ):
        assert frame_at(data, offset)[:2] == (kind, seq)
    newest = {event[0]: event[1] for event in events}
    assert {kind: frame_at(data, offset)[1] for kind, offset in footer["latest"]} == newest

    names = [name for name, _ in header["schema"].get("8 StepReport", [])] or [
        "step",
        "branch",
        "steps",
        "tokens",
        "loss",
    ]
    reports = [msgpack.unpackb(payload) for kind, _, _, payload in events if kind == 8]
    pyramid = footer["pyramid"]
    assert pyramid["reports"] == len(reports)
    losses = [report[names.index("loss")] for report in reports]
    for i, (low, high, last) in enumerate(
        zip(*(packed("d", part) for part in pyramid["columns"]["loss"]), strict=True)
    ):
        bucket = losses[i * pyramid["bucket"] : (i + 1) * pyramid["bucket"]]
        assert (low, high, last) == (min(bucket), max(bucket), bucket[-1])


def test_the_golden_segment_reads_as_the_page_says() -> None:
    check((samples.GOLDEN / f"segment-{FORMAT}.slog").read_bytes())


def test_a_real_run_reads_as_the_page_says(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-3f2a")
    data = (run_dir / "log" / "000000.slog").read_bytes()
    check(data)
    header, events, _ = read(data)
    times = [header["wall_s"] + (t_ns - header["mono_ns"]) / 1e9 for _, _, t_ns, _ in events]
    assert times == [entry.wall_s for entry in LogReader(run_dir).entries()]
    assert History(run_dir).head_seq == events[-1][1]


def test_the_footer_of_a_segment_full_of_the_shortest_reports_fits_a_frame() -> None:
    shortest = min((f for f in samples.frames().items() if f[0] == "StepReport"), key=lambda f: len(f[1]))[1]
    report = decode(8, shortest[28:])
    builder = FooterBuilder(1)
    for seq in range(1, SEGMENT_BYTES // 135):
        builder.add(seq * 135, 8, seq, seq, report)  # type: ignore[arg-type]
    assert not builder.full
    assert 0 < len(encode_footer(builder.build(), 0, 0)) < MAX_FOOTER


def test_a_segment_full_of_life_cycle_events_is_sealed_before_its_footer_is_too_large() -> None:
    builder = FooterBuilder(1)
    seq = 0
    while not builder.full:
        seq += 1
        builder.add(seq * 40, 2, seq, seq, None)
    assert encode_footer(builder.build(), 0, 0)
