"""The bytes on disk and on the socket never change by accident, and old ones stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import contract_samples as samples
import msgpack
import pytest

from engine.protocol import codec
from engine.protocol import messages as m
from engine.protocol.commands import COMMANDS
from engine.protocol.events import EVENTS
from engine.protocol.frames import Frame, read_frame
from engine.runlog.scan import Scan
from engine.runlog.segment import FORMAT, decode_header, read_footer

CURRENT = json.loads((samples.GOLDEN / f"frames-{m.MAJOR}.{m.MINOR}.json").read_text())


def test_every_event_message_and_command_has_a_golden_frame() -> None:
    assert {type(x) for x in samples.EVENTS} == set(EVENTS)
    assert {type(x) for x in samples.MESSAGES} == set(m.MESSAGES)
    assert {type(x) for x in samples.COMMANDS} == set(COMMANDS)
    assert set(CURRENT) == set(samples.frames())


@pytest.mark.parametrize("name", list(samples.frames()))
def test_encodes_to_its_golden_bytes(name: str) -> None:
    assert samples.frames()[name].hex() == CURRENT[name], (
        "the wire format changed: fields may only be appended, with MINOR raised and a new golden file"
    )


@pytest.mark.parametrize("value", [*samples.EVENTS, *samples.MESSAGES], ids=lambda v: type(v).__name__)
def test_decodes_back_to_the_same_value(value: m.Message) -> None:
    assert codec.decode(value.KIND, codec.encode(value)) == value


@pytest.mark.parametrize("path", sorted(samples.GOLDEN.glob("frames-1.*.json")), ids=lambda p: p.name)
def test_frames_of_every_earlier_version_are_still_read(path: Path) -> None:
    for name, text in json.loads(path.read_text()).items():
        frame = read_frame(bytes.fromhex(text))
        assert isinstance(frame, Frame), f"{name} in {path.name} is no frame any more"
        assert not isinstance(codec.decode(frame.kind, frame.payload), codec.Unknown), (
            f"{name} in {path.name}"
        )


def test_an_event_with_a_field_from_the_future_is_read_without_it() -> None:
    for event in samples.EVENTS:
        raw = msgpack.unpackb(codec.encode(event), strict_map_key=False)
        longer = msgpack.packb([*raw, {"from": "the future"}])
        assert codec.decode(event.KIND, longer) == event


def test_a_command_with_an_unknown_argument_is_refused() -> None:
    request = m.Request(command_id="x", command=samples.COMMANDS[0])
    raw = msgpack.unpackb(codec.encode(request))
    raw[1].append("surprise")
    assert isinstance(codec.decode(request.KIND, msgpack.packb(raw)), codec.Unknown)


def test_a_kind_from_the_future_is_skipped_not_fatal() -> None:
    assert isinstance(codec.decode(99, b"\x90"), codec.Unknown)


def test_the_schema_names_every_element_of_every_golden_event() -> None:
    schema = codec.schema()
    for event in samples.EVENTS:
        names = schema[f"{event.KIND} {type(event).__name__}"]
        assert len(msgpack.unpackb(codec.encode(event), strict_map_key=False)) == len(names)


def test_the_golden_segment_is_written_and_read_as_ever(tmp_path: Path) -> None:
    golden = samples.GOLDEN / f"segment-{FORMAT}.slog"
    data = golden.read_bytes()
    assert samples.segment() == data
    header, start = decode_header(golden, data)
    assert header == samples.header()
    scan = Scan(data, start)
    assert [seq for _, _, seq, _, _ in scan] == list(range(5, 76))
    assert scan.sealed
    assert not scan.damage
    footer = read_footer(golden)
    assert footer is not None
    assert (footer.frames, footer.head_seq, footer.pyramid.reports) == (71, 75, 70)
