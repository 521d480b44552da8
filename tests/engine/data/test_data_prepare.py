"""Text in, shards out: what is kept, how it is split, and that workers change nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_corpus import document
from patience import PATIENCE_S

from engine.data.prepare import Prepared, Progress
from engine.data.shards import Shards
from engine.errors import SlotdeckError
from engine.tokenizer import bpe

Run = Callable[..., Prepared]


def documents_in(data_dir: Path, split: str) -> list[str]:
    """The texts of a split, read back through the tokenizer that lies beside it."""
    tokenizer = bpe.load(data_dir)
    ids = np.concatenate(Shards.open(data_dir, split).tokens)
    ends = np.flatnonzero(ids == tokenizer.eot_id)
    assert ends[-1] == len(ids) - 1, "every document ends with the end-of-text token"
    return [tokenizer.decode(part.tolist()) for part in np.split(ids, ends + 1)[:-1]]


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_every_document_comes_back_whole_and_once(parquet: Path, run_prepare: Run) -> None:
    prepared = run_prepare(parquet)
    train, val = documents_in(prepared.data_dir, "train"), documents_in(prepared.data_dir, "val")
    assert sorted(train + val) == sorted(document(i) for i in range(300))
    assert prepared.meta.train.documents == len(train)
    assert prepared.meta.val.documents == len(val)
    assert 10 <= len(val) <= 60, "a tenth, give or take"
    assert sorted(p.name for p in prepared.data_dir.iterdir()) == [
        "meta.json",
        "tokenizer.json",
        "train_00000.bin",
        "val_00000.bin",
    ]


def test_any_number_of_workers_gives_the_same_bytes(parquet: Path, run_prepare: Run, tmp_path: Path) -> None:
    alone = run_prepare(parquet)
    together = run_prepare(
        parquet, out_dir=tmp_path / "two", workers=2, tokenizer=alone.data_dir / "tokenizer.json"
    )
    assert folder_bytes(alone.data_dir) == folder_bytes(together.data_dir)


def test_the_split_follows_the_text_and_not_its_place(
    parquet: Path, run_prepare: Run, tmp_path: Path
) -> None:
    first = run_prepare(parquet)
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text("\n".join(json.dumps({"text": document(i)}) for i in reversed(range(300))))
    second = run_prepare(shuffled, out_dir=tmp_path / "second", tokenizer=first.data_dir)
    assert sorted(documents_in(first.data_dir, "val")) == sorted(documents_in(second.data_dir, "val"))
    other = run_prepare(parquet, out_dir=tmp_path / "other", tokenizer=first.data_dir, seed=2)
    assert sorted(documents_in(other.data_dir, "val")) != sorted(documents_in(first.data_dir, "val"))


def test_a_small_corpus_still_has_something_to_validate_on(run_prepare: Run, tmp_path: Path) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text("\n".join(json.dumps(document(i)) for i in range(4)))
    prepared = run_prepare(source, val_share=1e-9)
    assert (prepared.meta.train.documents, prepared.meta.val.documents) == (3, 1)
    none_asked = run_prepare(source, val_share=0, out_dir=tmp_path / "none")
    assert (none_asked.meta.train.documents, none_asked.meta.val.documents) == (4, 0)


def test_one_document_is_for_training_and_the_lack_is_told(run_prepare: Run, tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text(document(1))
    prepared = run_prepare(source)
    assert prepared.meta.train.documents == 1
    assert any("no validation tokens" in note for note in prepared.notes)


def test_documents_that_all_fall_under_the_share_leave_one_for_training(
    run_prepare: Run, tmp_path: Path
) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text("\n".join(json.dumps(document(i)) for i in range(3)))
    prepared = run_prepare(source, val_share=0.999999)
    assert (prepared.meta.train.documents, prepared.meta.val.documents) == (1, 2)


def test_shards_rotate_between_documents(parquet: Path, run_prepare: Run) -> None:
    prepared = run_prepare(parquet, shard_tokens=2000)
    shards = Shards.open(prepared.data_dir, "train")
    assert len(shards.tokens) == prepared.meta.train.shards > 3
    assert all(tokens[-1] == prepared.meta.eot_id for tokens in shards.tokens)
    assert all(len(tokens) <= 2000 for tokens in shards.tokens)
    assert shards.num_tokens == prepared.meta.train.tokens


def test_a_boundary_spelled_out_in_a_text_is_only_text(run_prepare: Run, tmp_path: Path) -> None:
    source = tmp_path / "forged.jsonl"
    forged = "one <|endoftext|> two"
    source.write_text("\n".join(json.dumps(t) for t in (forged, document(1))))
    prepared = run_prepare(source, val_share=0)
    assert documents_in(prepared.data_dir, "train") == [forged, document(1)]


def test_a_large_vocabulary_takes_four_bytes_a_token(run_prepare: Run, tmp_path: Path) -> None:
    words = {f"w{i}": i for i in range(70_000)}
    file = tmp_path / "words.json"
    model = {"type": "WordLevel", "vocab": words, "unk_token": "w0"}
    file.write_text(json.dumps({"version": "1.0", "model": model, "pre_tokenizer": {"type": "Whitespace"}}))
    source = tmp_path / "a.jsonl"
    source.write_text('"w1 w69999"\n"w2 w3"\n')
    prepared = run_prepare(source, tokenizer=file, val_share=0)
    shards = Shards.open(prepared.data_dir, "train")
    assert shards.dtype == "uint32"
    assert shards.tokens[0].tolist() == [1, 69_999, 70_000, 2, 3, 70_000], "an end-of-text token was added"
    assert shards.max_id == 70_000


def test_progress_ends_at_all_of_the_input(parquet: Path, run_prepare: Run) -> None:
    seen: list[Progress] = []
    prepared = run_prepare(parquet, progress=seen.append)
    assert [p.stage for p in seen] == sorted(p.stage for p in seen), "tokenizer first"
    last = seen[-1]
    assert last.done_bytes == last.total_bytes == parquet.stat().st_size
    assert last.tokens == prepared.meta.train.tokens + prepared.meta.val.tokens


def test_bad_rows_are_skipped_counted_and_named(run_prepare: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    good = [document(i).encode() for i in range(20)]
    rows = [None, *good[:10], b"caf\xe9", b"", *good[10:], None]
    pq.write_table(pa.table({"text": pa.array(rows, pa.binary())}), path)
    prepared = run_prepare(path)
    skipped = prepared.meta.skipped
    assert (skipped.nulls, skipped.invalid_utf8, skipped.empty) == (2, 1, 1)
    assert prepared.meta.train.documents + prepared.meta.val.documents == 20
    assert any("2 rows, null" in n and f"{path}, row 0" in n for n in prepared.notes)
    assert any("1 row, not valid UTF-8" in n and "row 11" in n for n in prepared.notes)


def test_bad_rows_are_refused_when_asked(run_prepare: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"text": ["fine", None]}), path)
    with pytest.raises(SlotdeckError, match=r"bad\.parquet, row 1 .* is null; .*--on-bad skip"):
        run_prepare(path, on_bad="refuse")
    assert not list(tmp_path.glob("*out*")), "nothing is left behind"


def test_a_text_column_with_wrong_bytes_inside_is_not_taken_at_its_word(
    run_prepare: Run, tmp_path: Path
) -> None:
    path = tmp_path / "liar.parquet"
    rows = pa.array([b"good text", b"\xff\xfe bad"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": rows}), path)
    assert run_prepare(path).meta.skipped.invalid_utf8 == 1


def test_an_existing_folder_is_never_overwritten_unasked(
    parquet: Path, run_prepare: Run, tmp_path: Path
) -> None:
    prepared = run_prepare(parquet)
    before = folder_bytes(prepared.data_dir)
    with pytest.raises(SlotdeckError, match=r"not empty.*--overwrite"):
        run_prepare(parquet, seed=5)
    assert folder_bytes(prepared.data_dir) == before
    replaced = run_prepare(parquet, seed=5, overwrite=True)
    assert replaced.meta.seed == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.parquet", "out"], "no leavings"


def test_force_replaces_prepared_data_only(parquet: Path, run_prepare: Run, tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.tex").write_text("do not lose me")
    with pytest.raises(SlotdeckError, match="holds no prepared data"):
        run_prepare(parquet, out_dir=precious, overwrite=True)
    assert (precious / "chapter.tex").exists()


def test_a_fault_half_way_leaves_the_old_data_in_place(
    parquet: Path, run_prepare: Run, tmp_path: Path
) -> None:
    prepared = run_prepare(parquet)
    before = folder_bytes(prepared.data_dir)
    broken = tmp_path / "late.jsonl"
    broken.write_text("\n".join(json.dumps(document(i)) for i in range(2000)) + "\n{broken\n")
    with pytest.raises(SlotdeckError, match=r"late\.jsonl:2001 is not JSON"):
        run_prepare(broken, overwrite=True, tokenizer=prepared.data_dir)
    assert folder_bytes(prepared.data_dir) == before
    assert not list(tmp_path.glob(".out*"))


def test_output_inside_the_input_folder_is_not_read_again(parquet: Path, run_prepare: Run) -> None:
    folder = parquet.parent
    first = run_prepare(folder)
    again = run_prepare(folder, overwrite=True)
    assert again.meta == first.meta


def test_a_killed_prepare_leaves_no_output_no_workers_and_no_hindrance(
    run_prepare: Run, tmp_path: Path
) -> None:
    small = tmp_path / "small.txt"
    small.write_text(document(1) * 10)
    tokenizer = run_prepare(small, out_dir=tmp_path / "small").data_dir / "tokenizer.json"
    source, out, staging = tmp_path / "big.jsonl", tmp_path / "out", tmp_path / ".out.preparing"
    code = (
        "import sys; from engine.data.prepare import prepare\n"
        "prepare([sys.argv[1]], sys.argv[2], tokenizer=sys.argv[3], workers=2)"
    )
    for documents in (
        2500,
        25_000,
    ):  # it is caught in the middle of the first, unless we were held up for seconds
        source.write_text("".join(json.dumps(document(i, 60) * 40) + "\n" for i in range(documents)))
        process = subprocess.Popen([sys.executable, "-c", code, str(source), str(out), str(tokenizer)])
        while process.poll() is None and not list(staging.glob("*.bin")):
            time.sleep(0.01)
        if process.poll() is None:
            break
        shutil.rmtree(out)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was caught in the middle"
    assert not out.exists()
    assert list(staging.glob("*.bin"))
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert not alive
    run_prepare(small)
    assert Shards.open(out, "train").num_tokens > 0
    assert not staging.exists()


def test_workers_start_light() -> None:
    code = "import sys, engine.data.encode; print([m for m in ('torch', 'numpy', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_second_prepare_of_the_same_place_is_told_so(
    run_prepare: Run, parquet: Path, tmp_path: Path
) -> None:
    import fcntl

    staging = tmp_path / ".out.preparing"
    staging.mkdir()
    lock = os.open(staging, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SlotdeckError, match="another process is preparing"):
            run_prepare(parquet)
    finally:
        os.close(lock)


def test_a_full_disk_is_one_line_and_leaves_nothing(parquet: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from engine.data.prepare import prepare\n"
        "from engine.errors import SlotdeckError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: prepare([sys.argv[1]], sys.argv[2], vocab_size=300, workers=1)\n"
        "except SlotdeckError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(parquet), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "out cannot be written: File too large" in done.stdout
    assert done.stderr == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.parquet"]


def test_a_learnt_tokenizer_is_the_same_every_time(parquet: Path, run_prepare: Run, tmp_path: Path) -> None:
    first = run_prepare(parquet)
    second = run_prepare(parquet, out_dir=tmp_path / "again")
    assert folder_bytes(first.data_dir) == folder_bytes(second.data_dir)


def test_workers_start_below_a_cockpit_whose_stderr_has_no_descriptor() -> None:
    started = (
        "import io, sys\n"
        "from engine.data.encode import encode_batches\n"
        "from engine.tokenizer import bpe\n"
        "class Captured(io.StringIO):\n"
        "    def fileno(self): return -1\n"
        "sys.stderr = Captured()\n"
        "list(encode_batches(bpe.train(['some text'], 300), [], 2, 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
