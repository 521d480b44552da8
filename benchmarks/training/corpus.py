"""The texts of the table: Python's standard library to train on, Python's language reference to fine-tune on.

    python -m benchmarks.training.corpus SIZE FOLDER [DATA]

A process of its own, so that what it loads does not weigh on whoever measures. Both come with every Python: nothing
is downloaded. The reference is prose, and is left out of the first corpus. With DATA, a prepared folder, that is
trained on instead.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.training.sizes import SIZES, Size

REFERENCE = "pydoc_data/"
DONE = "corpus.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Two prepared folders with one tokenizer."""

    base: Path
    tune: Path
    label: str


def open_corpus(size: Size, folder: Path, data: Path | None) -> Corpus:
    """Prepare what is missing.

    Raises:
        RuntimeError: it cannot be made; the last line of the reason.
    """
    where = data.resolve() if data else folder / "base"
    label = str(data) if data else f"standard library of Python {platform.python_version()}"
    corpus = Corpus(where, folder / "tune", label)
    mark = folder / DONE
    wanted = {"label": label, "vocab_size": size.vocab_size}
    if not mark.is_file() or json.loads(mark.read_text()) != wanted:
        words = [sys.executable, "-m", "benchmarks.training.corpus", size.name, str(folder)]
        done = subprocess.run(
            [*words, *([str(data)] if data else [])], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no corpus")
        mark.write_text(json.dumps(wanted))
    return corpus


def prepare_both(size: Size, folder: Path, data: Path | None) -> None:
    """Both folders, anew."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from engine.data.prepare import prepare
    from slotdeck.demo import VAL_SHARE, write_corpus

    folder.mkdir(parents=True, exist_ok=True)
    base = data or folder / "base"
    if data is None:
        parquet = write_corpus(folder / "library.parquet")
        table = pq.read_table(parquet)
        code = table.filter(pc.invert(pc.starts_with(table["path"], REFERENCE)))
        if size.name == "micro":
            code = code.slice(0, 60)
        pq.write_table(code, parquet, row_group_size=128)
        prepare(
            [parquet], base, vocab_size=size.vocab_size, val_share=VAL_SHARE, overwrite=True, workers=1,
        )  # fmt: skip
        parquet.unlink()
    prose = folder / "reference.jsonl"
    prose.write_text("\n".join(json.dumps({"text": text}) for text in _reference()) + "\n")
    tokenizer = base / "tokenizer.json"
    if tokenizer.is_file():
        prepare([prose], folder / "tune", tokenizer=tokenizer, val_share=0.2, overwrite=True, workers=1)
    prose.unlink()


def _reference() -> list[str]:
    from pydoc_data import topics

    return [text for _, text in sorted(topics.topics.items())]


if __name__ == "__main__":
    prepare_both(SIZES[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
