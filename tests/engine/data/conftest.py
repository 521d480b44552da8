"""Small corpora and shards that the tests of the data path share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_corpus import document

from engine.data.prepare import Prepared, prepare
from engine.data.shard_format import ShardHeader

HASH = "ab" * 32


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """300 documents in row groups of 64."""
    path = tmp_path / "corpus.parquet"
    table = pa.table({"id": list(range(300)), "text": [document(i) for i in range(300)]})
    pq.write_table(table, path, row_group_size=64)
    return path


@pytest.fixture
def run_prepare(tmp_path: Path) -> Callable[..., Prepared]:
    """`prepare` into tmp_path/out with a small learnt vocabulary, in this process."""

    def run(*inputs: Path, **options: Any) -> Prepared:
        settings: dict[str, Any] = {
            "vocab_size": 300,
            "workers": 1,
            "val_share": 0.1,
            "out_dir": tmp_path / "out",
        }
        settings |= options
        return prepare(list(inputs), settings.pop("out_dir"), **settings)

    return run


@pytest.fixture
def write_shard() -> Callable[..., Path]:
    """A shard with a header, as `prepare` writes it."""

    def write(path: Path, tokens: list[int], *, vocab_size: int = 1000, vocab_hash: str = HASH) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        header = ShardHeader(2, vocab_size, len(tokens), max(tokens), vocab_hash)
        path.write_bytes(header.pack() + np.array(tokens, "<u2").tobytes())
        return path

    return write
