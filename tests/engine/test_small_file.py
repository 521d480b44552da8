"""Small files are there whole or not at all, closed to others, and opened without following a link."""

import os
import stat
from pathlib import Path

import pytest

from engine.small_file import open_plain, write_whole


def test_what_is_written_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ".catalog"
    write_whole(path, b"one", durable=True)
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old(tmp_path: Path) -> None:
    place = tmp_path / "label.json"
    place.mkdir()
    (place / "kept").touch()
    with pytest.raises(OSError, match="irectory"):
        write_whole(place, b"new")
    assert [path.name for path in tmp_path.rglob("*")] == ["label.json", "kept"]


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "label.json"
    elsewhere.write_bytes(b"somebody's")
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic links"):
        open_plain(path)
    write_whole(path, b"ours")
    assert (elsewhere.read_bytes(), path.is_symlink()) == (b"somebody's", False)


def test_a_pipe_that_nobody_writes_to_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "label.json")
    with open_plain(tmp_path / "label.json") as file:
        assert file.read(16) in (b"", None)
