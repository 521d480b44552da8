"""Whatever happens to the bytes: nothing altered is ever returned, and damage costs the frames it touches."""

from __future__ import annotations

import itertools
import random

import contract_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocol.frames import MAGIC, Damage, Frame, FrameScanner, encode_frame, read_frame
from engine.runlog.scan import Scan

STEADY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
FRAMES = [encode_frame(19, seq, seq * 10, bytes([seq % 256]) * (seq % 7 + 1)) for seq in range(1, 13)]
STREAM = b"".join(FRAMES)
WHOLE = [read_frame(frame) for frame in FRAMES]


def frames_in(found: list[Frame | Damage]) -> list[Frame]:
    return [item for item in found if isinstance(item, Frame)]


def test_every_truncation_gives_exactly_the_whole_frames_before_it() -> None:
    ends = [sum(map(len, FRAMES[: i + 1])) for i in range(len(FRAMES))]
    for cut in range(len(STREAM) + 1):
        scanner = FrameScanner()
        assert frames_in(scanner.feed(STREAM[:cut])) == WHOLE[: sum(end <= cut for end in ends)]
        assert scanner.damaged_bytes == 0, f"a torn tail at {cut} is not damage"
        assert frames_in(scanner.feed(STREAM[cut:])) == WHOLE[sum(end <= cut for end in ends) :]


@STEADY
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_cuts_of_the_stream_do_not_matter(cuts: list[int]) -> None:
    scanner = FrameScanner()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [item for a, b in itertools.pairwise(edges) for item in scanner.feed(STREAM[a:b])]
    assert found == WHOLE


def test_every_flipped_bit_costs_at_most_one_frame_and_none_is_altered() -> None:
    for bit in range(len(STREAM) * 8):
        data = bytearray(STREAM)
        data[bit // 8] ^= 1 << bit % 8
        for got in (scanned(bytes(data)), segment_scanned(bytes(data))):
            assert all(frame in WHOLE for frame in got), f"bit {bit} gave an altered frame"
            assert len(got) >= len(WHOLE) - 1, f"bit {bit} cost more than one frame"


@STEADY
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_any_noise_between_frames_never_gives_an_altered_frame(seed: int, hits: int) -> None:
    dice = random.Random(seed)
    data = bytearray(STREAM)
    for _ in range(hits):
        at = dice.randrange(len(data))
        match dice.randrange(3):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                data[at:at] = dice.choice([MAGIC, dice.randbytes(5), bytes(9), FRAMES[0][:20]])
            case _:
                del data[at : at + dice.randrange(1, 30)]
    for got in (scanned(bytes(data)), segment_scanned(bytes(data))):
        assert all(frame in WHOLE for frame in got)


@STEADY
@given(st.binary(max_size=400))
def test_garbage_before_a_frame_does_not_hide_it(noise: bytes) -> None:
    got = scanned(noise + STREAM)
    assert got[-len(WHOLE) :] == WHOLE


def test_zero_bytes_are_no_frames() -> None:
    scanner = FrameScanner()
    assert frames_in(scanner.feed(STREAM + bytes(4096))) == WHOLE


def test_a_cut_and_continued_golden_stream_is_whole() -> None:
    data = b"".join(samples.frames().values())
    for cut in range(0, len(data), 7):
        scanner = FrameScanner()
        got = frames_in(scanner.feed(data[:cut])) + frames_in(scanner.feed(data[cut:]))
        assert len(got) == len(samples.frames())


def scanned(data: bytes) -> list[Frame]:
    return frames_in(FrameScanner().feed(data))


def segment_scanned(data: bytes) -> list[Frame]:
    """The log reader's faster loop over the same bytes."""
    return [Frame(kind, seq, t_ns, payload) for _, kind, seq, t_ns, payload in Scan(data)]
