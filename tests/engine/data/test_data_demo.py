"""The demo's corpus is made of this interpreter's library, once, and reused."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.data.shards import Shards
from slotdeck import demo


@pytest.fixture
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's json and concurrent packages only: a second instead of twelve."""
    whole = demo.source_files

    def some(library: Path) -> list[Path]:
        return [p for p in whole(library) if p.parent.name in ("json", "futures", "concurrent", "asyncio")]

    monkeypatch.setattr(demo, "source_files", some)
    monkeypatch.setattr(demo, "VOCAB_SIZE", 512)


def test_the_library_is_found_without_its_tests() -> None:
    import sysconfig

    names = [p.as_posix() for p in demo.source_files(Path(sysconfig.get_path("stdlib")))]
    assert len(names) > 300
    assert names == sorted(names, key=lambda n: n.split("/")) or len(set(names)) == len(names)
    assert any(n.endswith("/json/decoder.py") for n in names)
    assert not any("/test/" in n or "/tests/" in n or "site-packages" in n for n in names)


def test_the_demo_is_built_once_and_again_only_when_damaged(small_library: None, tmp_path: Path) -> None:
    data_dir = demo.build_demo(tmp_path / "data" / "demo")
    shards = Shards.open(data_dir, "train")
    assert shards.vocab_size == 512
    assert Shards.open(data_dir, "val").num_tokens > 0
    table = pq.read_table(tmp_path / "data" / "demo.parquet")
    assert table.column_names == ["path", "text"]
    assert "json/decoder.py" in table.column("path").to_pylist()

    built = (data_dir / "meta.json").stat().st_mtime_ns
    calls: list[object] = []
    assert demo.build_demo(data_dir, calls.append) == data_dir
    assert (data_dir / "meta.json").stat().st_mtime_ns == built
    assert not calls

    shard = shards.paths[0]
    content = shard.read_bytes()
    shard.write_bytes(content[:-2])
    demo.build_demo(data_dir)
    assert shard.read_bytes() == content, "and the same bytes come out"
