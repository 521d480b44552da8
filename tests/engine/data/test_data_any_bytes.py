"""Whatever bytes a file holds, reading it gives documents or one clear line; never another exception."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import sources
from engine.data.documents import Tally
from engine.data.shards import Shards
from engine.data.sources import Reading
from engine.errors import SlotdeckError

EXAMPLES = int(os.environ.get("SLOTDECK_EXAMPLES", "60"))
"""The same ones every time; set the variable to search further."""

JSON_BITS = st.lists(
    st.sampled_from(
        ['{"text":', '"a"', "}", "[", "]", ",", "1", "null", '"\\ud800"', "\n", " ", '"é', "NaN", "\r"]
    )
)


def read(data: bytes, name: str, encoding: str = "utf-8") -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        reading = Reading(encoding=encoding)
        sources.check([path], reading)
        texts = [t for batch in sources.read([path], reading, Tally("skip")) for t in batch.texts]
    assert all(text.encode() for text in texts), "documents are text, and none is empty"
    return texts


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl", "a.parquet"])
@given(data=st.binary(max_size=200), encoding=st.sampled_from(["utf-8", "utf-16", "latin-1", "shift_jis"]))
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_any_bytes(name: str, data: bytes, encoding: str) -> None:
    with contextlib.suppress(SlotdeckError):
        read(data, name, encoding)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@given(bits=JSON_BITS)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_almost_json(name: str, bits: list[str]) -> None:
    with contextlib.suppress(SlotdeckError):
        read("".join(bits).encode(), name)


@given(place=st.integers(0, 10_000), noise=st.binary(min_size=1, max_size=40))
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_any_damage_to_a_parquet(place: int, noise: bytes) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": [f"document {i}" for i in range(200)]}), sink, row_group_size=50)
    data = bytearray(sink.getvalue().to_pybytes())
    place %= len(data)
    data[place : place + len(noise)] = noise
    with contextlib.suppress(SlotdeckError):
        read(bytes(data), "a.parquet")


@given(data=st.binary(max_size=100), magic=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_any_bytes_as_a_shard(data: bytes, magic: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.bin").write_bytes((b"SLOTTOKS\x01\x00" if magic else b"") + data)
        with contextlib.suppress(SlotdeckError):
            Shards.open(folder, "train")
