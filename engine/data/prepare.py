"""From files of text to token shards: check the inputs, learn or open a tokenizer, encode, split, write.

`slotdeck prepare` and the demo call `prepare`. Memory is bounded by a few batches per worker, not by the
input. It writes one folder, which appears only when it is complete, and touches nothing else.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.data import meta as meta_file
from engine.data import sources, staging
from engine.data.documents import OnBad, Tally
from engine.data.encode import Encoded, digest, encode_batches
from engine.data.meta import Meta
from engine.data.shard_format import ShardHeader, token_bytes_for
from engine.data.shard_writer import ShardWriter
from engine.data.sources import Reading
from engine.data.split import Splitter
from engine.errors import SlotdeckError
from engine.text import one_line
from engine.tokenizer import bpe

SHARD_TOKENS = 100_000_000
"""Tokens in a shard: 200 MB at 16 bits, convenient to copy."""
TRAIN_BYTES = 256 << 20
"""A tokenizer is learnt from about this much input; more hardly changes it and takes minutes."""
BYTES_PER_WORKER = 2 << 20
"""Input that is worth starting one more process for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is; `done_bytes` of `total_bytes` of input files in this stage."""

    stage: Literal["tokenizer", "tokens"]
    done_bytes: int
    total_bytes: int
    documents: int
    tokens: int
    """0 while the tokenizer is learnt."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was made."""

    data_dir: Path
    meta: Meta
    notes: list[str]
    """Lines for people: what was skipped, and what else they should know."""


def prepare(
    inputs: Sequence[Path | str],
    out_dir: Path | str,
    *,
    text_column: str = "text",
    text_key: str = "text",
    tokenizer: Path | str = "train",
    vocab_size: int = 8192,
    encoding: str = "utf-8",
    workers: int = 0,
    val_share: float = 0.01,
    on_bad: OnBad = "skip",
    seed: int = 1,
    overwrite: bool = False,
    shard_tokens: int = SHARD_TOKENS,
    label: str = "",
    progress: Callable[[Progress], None] = lambda _: None,
) -> Prepared:
    """Turn files (or folders of them) into `out_dir` with train and val shards, meta.json and tokenizer.json.

    `tokenizer` is "train" (with `vocab_size`) or a file or folder for `engine.tokenizer.bpe.load`.
    `workers` 0 chooses by cores and input size. The output is the same, byte by byte, for any number of them.

    Raises:
        SlotdeckError: any fault of the input or the place; nothing is left behind then.
    """
    assert seed >= 0, "the seed salts a hash, so it is not negative"
    target = Path(out_dir)
    if not 0 <= val_share < 1:
        raise SlotdeckError(
            f"a validation share of {val_share} is not at least 0 and below 1", "try --val-share 0.01"
        )
    if workers < 0:
        raise SlotdeckError(
            f"{workers} workers cannot work", "give --workers 1 or more, or 0 to choose by itself"
        )
    staging.check_free(target, overwrite)
    reading = Reading(text_column, text_key, encoding)
    files = sources.find(inputs, leave_out=target)
    sources.check(files, reading)
    total_bytes = sum(path.stat().st_size for path in files)

    if tokenizer == "train":
        texts = _training_texts(files, reading, on_bad, total_bytes, seed, progress)
        vocabulary = bpe.train(texts, vocab_size)
    else:
        vocabulary = bpe.load(Path(tokenizer))

    tally = Tally(on_bad)
    batches = sources.read(files, reading, tally)
    encoded = encode_batches(vocabulary, batches, workers or _workers_for(total_bytes), seed)
    header = ShardHeader(
        token_bytes_for(vocabulary.vocab_size), vocabulary.vocab_size, 0, 0, vocabulary.vocab_hash
    )
    with _disk_errors(target), staging.staged(target) as folder, closing(encoded):
        train = ShardWriter(folder, "train", header, shard_tokens)
        val = ShardWriter(folder, "val", header, shard_tokens)
        with train, val:
            _split(encoded, Splitter(train, val, val_share), header, total_bytes, progress)
        if not train.counts.documents:
            raise _empty(files, tally)
        meta = Meta(
            vocab_size=vocabulary.vocab_size,
            vocab_hash=vocabulary.vocab_hash,
            eot_id=vocabulary.eot_id,
            eot_token=vocabulary.eot_token,
            token_bytes=header.token_bytes,
            max_id=max(train.max_id, val.max_id),
            train=train.counts,
            val=val.counts,
            skipped=tally.skipped(),
            val_share=val_share,
            seed=seed,
            text_column=text_column,
            text_key=text_key,
            label=label,
            inputs=tuple(one_line(path.name) for path in files[:20]),
        )
        staging.write_file(folder / meta_file.TOKENIZER_NAME, vocabulary.to_json().encode())
        staging.write_file(folder / meta_file.NAME, meta_file.encode(meta))
    notes = tally.lines()
    if tokenizer == "train" and vocabulary.vocab_size < vocab_size:
        notes.append(f"the text is enough for a vocabulary of {vocabulary.vocab_size:,}, not {vocab_size:,}")
    if val_share and not val.counts.documents:
        notes.append("there is one document only, so there are no validation tokens")
    return Prepared(target, meta, notes)


def _training_texts(
    files: Sequence[Path],
    reading: Reading,
    on_bad: OnBad,
    total_bytes: int,
    seed: int,
    progress: Callable[[Progress], None],
) -> Iterator[str]:
    """A sample of the documents for learning a tokenizer, by digest: the same ones every time."""
    limit = int(min(TRAIN_BYTES / max(total_bytes, 1), 1) * 2**64)
    tally = Tally(on_bad)
    done_bytes = documents = 0
    for batch in sources.read(files, reading, tally):
        for text in batch.texts:
            if limit == 2**64 or digest(text, seed) < limit:
                documents += 1
                yield text
        done_bytes += batch.bytes_read
        progress(Progress("tokenizer", done_bytes, total_bytes, documents, 0))
    if not documents:
        raise _empty(files, tally)


def _split(
    encoded: Iterable[Encoded],
    splitter: Splitter,
    header: ShardHeader,
    total_bytes: int,
    progress: Callable[[Progress], None],
) -> None:
    done_bytes = documents = num_tokens = 0
    dtype = np.dtype(f"u{header.token_bytes}")
    for batch in encoded:
        tokens = np.frombuffer(batch.tokens, dtype)
        start = 0
        for length, document_digest in zip(batch.lengths, batch.digests, strict=True):
            splitter.add(tokens[start : start + length], document_digest)
            start += length
        done_bytes += batch.bytes_read
        documents += len(batch.lengths)
        num_tokens += len(tokens)
        progress(Progress("tokens", done_bytes, total_bytes, documents, num_tokens))
    splitter.finish()


def _workers_for(total_bytes: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, total_bytes // BYTES_PER_WORKER))


def _empty(files: Sequence[Path], tally: Tally) -> SlotdeckError:
    what = str(files[0]) if len(files) == 1 else f"the {len(files)} input files"
    skipped = "; ".join(tally.lines()) or "there are only empty rows" * bool(tally.counts["empty"])
    return SlotdeckError(f"no text in {what}" + f" ({skipped})" * bool(skipped), "give input that holds text")


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Faults of the disk under the output, in a user's words."""
    try:
        yield
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "choose another --out"
        raise SlotdeckError(
            f"{target} cannot be written: {error.strerror}", f"{remedy}; nothing was kept"
        ) from None
