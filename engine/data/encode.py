"""Texts to tokens, in worker processes, handed back in the order they came in.

`prepare` feeds it batches of documents. Each worker has a tokenizer of its own and one thread; the result is
the same for any number of workers. Worker processes import neither torch nor numpy.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from array import array
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr
from dataclasses import dataclass
from multiprocessing import resource_tracker

from engine.data.documents import Batch
from engine.data.shard_format import token_bytes_for
from engine.errors import SlotdeckError
from engine.tokenizer import bpe

IN_FLIGHT = 3
"""Batches per worker that are read ahead: enough that none waits, few enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The documents of a batch as tokens, an end-of-text token after each."""

    tokens: bytes
    """Ids one after another, 2 or 4 bytes each in the machine's order."""
    lengths: list[int]
    """Tokens of each document, end-of-text included."""
    digests: list[int]
    """64 bits of each document's text: what the split and the sample go by."""
    bytes_read: int


def encode_batches(
    tokenizer: bpe.Tokenizer, batches: Iterable[Batch], workers: int, seed: int
) -> Generator[Encoded, None, None]:
    """Encode all batches, in order. `workers` processes, or this one alone for 1.

    Raises:
        SlotdeckError: a worker died, or reading the batches failed.
    """
    if workers == 1:
        yield from (_encode(tokenizer, batch, seed) for batch in batches)
        return
    # Spawned, not forked: a fork would copy the caller's threads' locks in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with redirect_stderr(sys.__stderr__):  # a cockpit's has no descriptor, which the tracker would hand on
        resource_tracker.ensure_running()
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(tokenizer.to_json(), seed))
    waiting: deque[Future[Encoded]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) >= workers * IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise SlotdeckError(
            "a worker process of prepare was killed, perhaps for want of memory",
            "try again with fewer --workers",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def digest(text: str, seed: int) -> int:
    """64 bits that depend on the text and the seed only: equal documents fall on the same side of a split."""
    return int.from_bytes(
        hashlib.blake2b(text.encode(), digest_size=8, salt=seed.to_bytes(16, "little")).digest()
    )


_tokenizer: bpe.Tokenizer
_seed: int


def _start(tokenizer_json: str, seed: int) -> None:
    global _tokenizer, _seed
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _tokenizer, _seed = bpe.Tokenizer.from_json(tokenizer_json), seed


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers are started by a parent"
    parent.join()
    os._exit(1)


def _work(batch: Batch) -> Encoded:
    return _encode(_tokenizer, batch, _seed)


def _encode(tokenizer: bpe.Tokenizer, batch: Batch, seed: int) -> Encoded:
    tokens = array("H" if token_bytes_for(tokenizer.vocab_size) == 2 else "I")
    lengths: list[int] = []
    for text in batch.texts:
        ids = tokenizer.encode(text)
        tokens.extend(ids)
        tokens.append(tokenizer.eot_id)
        lengths.append(len(ids) + 1)
    return Encoded(tokens.tobytes(), lengths, [digest(text, seed) for text in batch.texts], batch.bytes_read)
