"""docs/protocol.md is complete and true: its tables are the structs', its codes the engine's, its words enough."""

from __future__ import annotations

import importlib.util
import re
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from tiny_engine import TinyEngine  # noqa: E402

from engine.protocol.messages import MAJOR, MINOR  # noqa: E402

PAGE = (ROOT / "docs" / "protocol.md").read_text()


def test_tables_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("protocol_tables", ROOT / "docs" / "protocol_tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert tables.page(PAGE) == PAGE, "run: python docs/protocol_tables.py"


def test_it_is_the_page_of_this_version() -> None:
    assert f"Version {MAJOR}.{MINOR}." in PAGE


def test_every_code_the_engine_refuses_with_is_listed() -> None:
    said = set()
    for path in (*(ROOT / "engine" / "control").glob("*.py"), *(ROOT / "engine" / "train").glob("*.py")):
        text = path.read_text()
        said |= set(re.findall(r'Refused\(\s*(?:code=)?"([a-z-]+)"', text))
        said |= set(re.findall(r'_refuse\(\s*client,\s*"([a-z-]+)"', text))
        said |= set(re.findall(r'return "([a-z]+-[a-z]+|observer)", ', text))
        said |= set(re.findall(r'self\._refused\([^)]*?"([a-z]+-[a-z]+)"', text))
    assert {"bad-frame", "no-lease", "version"} <= said, "the search finds what it should"
    assert {code for code in said if f"| `{code}` |" not in PAGE} == set()


class Stranger:
    """A client written from the page alone, with nothing of ours."""

    def __init__(self, run_dir: Path) -> None:
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.peer.settimeout(PATIENCE_S)
        self.peer.connect(str(run_dir / "sock"))

    def say(self, kind: int, fields: list[Any]) -> None:
        payload = msgpack.packb(fields)
        head = struct.pack("<2sBBIQQ", b"\xa7\x4e", 0, kind, len(payload), 0, 0)
        self.peer.sendall(head + struct.pack("<I", zlib.crc32(head + payload)) + payload)

    def frames(self) -> Iterator[tuple[int, int, int, list[Any]]]:
        """Kind, seq, t_ns and fields."""
        stream = self.peer.makefile("rb")
        while head := stream.read(28):
            magic, _, kind, length, seq, t_ns, crc = struct.unpack("<2sBBIQQI", head)
            payload = stream.read(length)
            assert magic == b"\xa7\x4e"
            assert crc == zlib.crc32(head[:24] + payload)
            yield kind, seq, t_ns, msgpack.unpackb(payload, strict_map_key=False)


def table(title: str) -> list[str]:
    """The field names of a table of the page, in their order."""
    section = PAGE.split(f"\n### {title}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    return re.findall(r"^\| \d+ \| `(\w+)` \|", section, flags=re.MULTILINE)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TinyEngine]:
    with TinyEngine(tmp_path / "20261121-090000-tiny-3f2a") as running:
        yield running


def test_page_is_enough_to_write_a_client(engine: TinyEngine) -> None:
    stranger = Stranger(engine.run_dir)
    with stranger.peer:
        stranger.say(192, [1, 0, "stranger", "me@elsewhere", "control", 0])
        frames = stranger.frames()
        kind, seq, _, fields = next(frames)
        assert (kind, seq) == (193, 0)
        welcome = dict(zip(table("193 Welcome"), fields, strict=True))
        assert welcome["run_id"] == engine.run_dir.name
        for name, known in welcome["schema"].items():
            assert [field for field, _ in known] == table(name), name
        started = next(frames)
        assert (started[0], started[1]) == (1, welcome["from_seq"])
        at = dict(zip(table("1 RunStarted"), started[3], strict=True))
        assert abs(welcome["wall_s"] + (started[2] - welcome["mono_ns"]) / 1e9 - at["wall_s"]) < 60
        stranger.say(195, ["k1", ["pin", "block.3", 0.5]])
        life = []
        for kind, _, _, fields in frames:
            if kind == 32:
                life.append(dict(zip(table("32 CommandAccepted"), fields, strict=True))["text"])
                assert engine.mailbox.wait(PATIENCE_S)
                engine.drain()
            if kind == 33:
                life.append(dict(zip(table("33 CommandApplied"), fields, strict=True))["rev"])
                break
        assert life == ["pin block.3 duty=0.5", 1]
