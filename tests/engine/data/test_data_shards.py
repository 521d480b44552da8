"""Opening shards: what is checked before a run begins, and that every fault is named."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data import shard_format
from engine.data.prepare import Prepared
from engine.data.shards import Shards
from engine.errors import SlotdeckError

Write = Callable[..., Path]


def test_shards_are_read_in_order_without_copying(tmp_path: Path, write_shard: Write) -> None:
    write_shard(tmp_path / "train_00001.bin", [4, 5, 6])
    write_shard(tmp_path / "train_00000.bin", [1, 2, 3])
    shards = Shards.open(tmp_path, "train")
    assert [t.tolist() for t in shards.tokens] == [[1, 2, 3], [4, 5, 6]]
    assert all(isinstance(t, np.memmap) for t in shards.tokens)
    assert (shards.num_tokens, shards.vocab_size, shards.max_id, shards.dtype) == (6, 1000, 6, "uint16")
    assert not shards.headerless


def test_headerless_files_of_nanogpt_are_read(tmp_path: Path) -> None:
    np.array([5, 50256, 7], "<u2").tofile(tmp_path / "train.bin")
    shards = Shards.open(tmp_path, "train")
    assert shards.tokens[0].tolist() == [5, 50256, 7]
    assert shards.headerless
    assert (shards.vocab_size, shards.vocab_hash) == (50257, "")
    shards.check_vocab(50304, vocab_hash="whatever: headerless files name no vocabulary")
    with pytest.raises(SlotdeckError, match=r"vocabulary of 50,257.*vocab_size is 50256"):
        shards.check_vocab(50256)


def test_the_header_is_the_documented_64_bytes(tmp_path: Path, write_shard: Write) -> None:
    data = write_shard(tmp_path / "train.bin", [1, 999, 3]).read_bytes()
    magic, version, width, vocab, count, largest, _crc, digest = struct.unpack("<8sHHIQII32s", data[:64])
    assert (magic, version, width, vocab, count, largest) == (b"SLOTTOKS", 1, 2, 1000, 3, 999)
    assert digest == b"\xab" * 32
    assert data[64:] == b"\x01\x00\xe7\x03\x03\x00"


def test_a_shard_cut_anywhere_is_refused(tmp_path: Path, write_shard: Write) -> None:
    path = write_shard(tmp_path / "train.bin", [1, 2, 3])
    whole = path.read_bytes()
    for size in range(8, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(
            SlotdeckError, match=r"train\.bin (is cut short|cannot be read: the header is cut short)"
        ):
            Shards.open(tmp_path, "train")
    path.write_bytes(whole + b"\x00\x00")
    with pytest.raises(SlotdeckError, match=r"is too long: its header counts 3 tokens, the file holds 4"):
        Shards.open(tmp_path, "train")


def test_a_header_with_any_wrong_bit_is_refused(tmp_path: Path, write_shard: Write) -> None:
    path = write_shard(tmp_path / "train.bin", [1, 2, 3])
    whole = path.read_bytes()
    for position in range(8, shard_format.HEADER_BYTES):
        damaged = bytearray(whole)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(SlotdeckError, match=r"cannot be read: (the header is damaged|it is version)"):
            Shards.open(tmp_path, "train")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\x01\x00\x02", "no header and an odd length"),
        (struct.pack("<3i", 20240520, 1, 0) + bytes(1012), "shard of llm.c"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "train.bin").write_bytes(content)
    with pytest.raises(SlotdeckError, match=fault):
        Shards.open(tmp_path, "train")


def test_a_folder_without_shards_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match=r"no data folder .*slotdeck prepare"):
        Shards.open(tmp_path / "none", "train")
    with pytest.raises(SlotdeckError, match=r"no train tokens in .*slotdeck prepare"):
        Shards.open(tmp_path, "train")
    with pytest.raises(SlotdeckError, match=r"no val tokens in .*--val-share"):
        Shards.open(tmp_path, "val")


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.bin").symlink_to(tmp_path / "gone")
    with pytest.raises(SlotdeckError, match=r"train\.bin cannot be read: No such file"):
        Shards.open(tmp_path, "train")


def test_shards_of_two_vocabularies_are_refused(tmp_path: Path, write_shard: Write) -> None:
    write_shard(tmp_path / "train_0.bin", [1, 2])
    write_shard(tmp_path / "train_1.bin", [1, 2], vocab_hash="cd" * 32)
    with pytest.raises(SlotdeckError, match=r"train_1\.bin is of another vocabulary .* than train_0\.bin"):
        Shards.open(tmp_path, "train")


def test_shards_with_and_without_a_header_are_not_mixed(tmp_path: Path, write_shard: Write) -> None:
    write_shard(tmp_path / "train_0.bin", [1, 2])
    np.array([1, 2], "<u2").tofile(tmp_path / "train_1.bin")
    with pytest.raises(SlotdeckError, match=r"train_1\.bin has no header but train_0\.bin has one"):
        Shards.open(tmp_path, "train")


def test_the_model_must_have_a_row_for_every_token(tmp_path: Path, write_shard: Write) -> None:
    write_shard(tmp_path / "train.bin", [1, 2])
    shards = Shards.open(tmp_path, "train")
    shards.check_vocab(1000)
    shards.check_vocab(1024, vocab_hash="ab" * 32)
    with pytest.raises(SlotdeckError, match=r"vocabulary of 1,000, but the model's vocab_size is 999; set"):
        shards.check_vocab(999)
    with pytest.raises(SlotdeckError, match=r"another vocabulary"):
        shards.check_vocab(1000, vocab_hash="cd" * 32)


def test_a_prepared_folder_with_a_shard_missing_or_foreign_is_refused(
    parquet: Path, run_prepare: Callable[..., Prepared], write_shard: Write
) -> None:
    folder = run_prepare(parquet, shard_tokens=2000).data_dir
    (folder / "train_00001.bin").rename(folder / "elsewhere")
    with pytest.raises(SlotdeckError, match=r"train shards with .* tokens, but meta\.json counts"):
        Shards.open(folder, "train")
    for shard in folder.glob("val*.bin"):
        shard.unlink()
    write_shard(folder / "val.bin", [1, 2])
    with pytest.raises(SlotdeckError, match=r"not of the vocabulary that meta\.json names"):
        Shards.open(folder, "val")
    (folder / "meta.json").write_text("{")
    with pytest.raises(SlotdeckError, match=r"meta\.json cannot be read"):
        Shards.open(folder, "train")
