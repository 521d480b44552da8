"""The demo's corpus: the Python standard library of the interpreter at hand, as parquet and as token shards.

`slotdeck train demo` builds it once; it takes the way of any user's parquet and downloads nothing.
"""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import SlotdeckError

if TYPE_CHECKING:
    from engine.data.prepare import Progress

VOCAB_SIZE = 4096
VAL_SHARE = 0.03
"""About 20 of 700 files: some 90,000 tokens, enough for a validation set of 65,536."""
NOT_LIBRARY = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
ROWS_PER_GROUP = 128


def build_demo(data_dir: Path, progress: Callable[[Progress], None] = lambda _: None) -> Path:
    """Shards in `data_dir`, the parquet they came from beside it; an earlier result for this Python is kept.

    Raises:
        SlotdeckError: the interpreter has no standard library in source, or `data_dir` cannot be written.
    """
    from engine.data import meta
    from engine.data.prepare import prepare
    from engine.data.shards import Shards

    label = f"standard library of Python {platform.python_version()}, vocabulary {VOCAB_SIZE}"
    try:
        found = meta.read(data_dir)
        if found is not None and found.label == label:
            Shards.open(data_dir, "train")
            Shards.open(data_dir, "val")
            return data_dir
    except SlotdeckError:
        pass  # Damaged: build it again.
    parquet = write_corpus(data_dir.with_name(f"{data_dir.name}.parquet"))
    prepare(
        [parquet],
        data_dir,
        vocab_size=VOCAB_SIZE,
        val_share=VAL_SHARE,
        overwrite=True,
        label=label,
        progress=progress,
    )
    return data_dir


def write_corpus(path: Path) -> Path:
    """A parquet file with the columns `path` and `text`, a row for each source file, in order of path.

    Raises:
        SlotdeckError: there are no source files, or the place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, texts = [], []
    library = Path(sysconfig.get_path("stdlib"))
    for source in source_files(library):
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # A handful of files declare another encoding; the demo does without.
        names.append(source.relative_to(library).as_posix())
        texts.append(text)
    if not texts:
        raise SlotdeckError(
            f"no Python source files in {library}",
            "use a Python that has its library in source, or your own text",
        )
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"path": names, "text": texts}), part, row_group_size=ROWS_PER_GROUP)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SlotdeckError(
            f"{path} cannot be written: {error.strerror or error}", "choose another folder"
        ) from None
    return path


def source_files(library: Path) -> Iterator[Path]:
    """The library's modules in order of path, tests left out."""
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(f for f in folders if f not in NOT_LIBRARY and not f.startswith("."))
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith("test_"):
                yield Path(folder, name)
