"""Reading inputs: every kind of file, every kind of fault, in one line with place and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data import json_source, parquet_source, sources, text_source
from engine.data.documents import Tally
from engine.data.prepare import Prepared
from engine.data.sources import Reading
from engine.errors import SlotdeckError

Run = Callable[..., Prepared]


def texts(*paths: Path, reading: Reading | None = None, tally: Tally | None = None) -> list[str]:
    """All documents of the inputs, checked and read as `prepare` does."""
    reading = reading or Reading()
    files = sources.find(paths, leave_out=Path("/nowhere"))
    sources.check(files, reading)
    batches = list(sources.read(files, reading, tally or Tally("skip")))
    assert sum(b.bytes_read for b in batches) == sum(f.stat().st_size for f in files), "progress is honest"
    return [text for batch in batches for text in batch.texts]


def refusal(*paths: Path, reading: Reading | None = None) -> str:
    with pytest.raises(SlotdeckError) as caught:
        texts(*paths, reading=reading)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.remedy
    return line


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())],
)
def test_parquet_columns_of_every_text_type_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    values = pa.array(["one", "zwei 二", "one"])
    column = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)
    pq.write_table(pa.table({"text": column}), path)
    assert texts(path) == ["one", "zwei 二", "one"]


def test_a_folder_is_read_in_order_of_path_and_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_text("second")
    (tmp_path / "a.jsonl").write_text('{"text": "first"}\n')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.txt").write_text("not me")
    assert texts(tmp_path, tmp_path / "b" / "2.txt") == ["first", "second"], (
        "and a file named twice is read once"
    )


def test_jsonl_takes_objects_and_strings(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n\n"two"\r\n{"text": "thr\\u00e9e", "n": 1}')
    assert texts(path) == ["one", "two", "thrée"]


@pytest.mark.parametrize(
    "body",
    ['[{"text": "one"}, "two"]', '{"text": "one"}\n{"text": "two"}\n', ' ["one",\n "two"] ', '"one" "two"'],
)
def test_json_takes_an_array_or_a_row_of_values(tmp_path: Path, body: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(body)
    assert texts(path) == ["one", "two"]


def test_json_values_across_every_read_boundary_come_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [{"text": 'ab"c,]} é' * n, "deep": [1, {"x": [n]}]} for n in range(1, 12)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
    for size in range(1, 40):
        monkeypatch.setattr(text_source, "_READ", size)
        assert texts(path) == [v["text"] for v in values]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json"])
def test_encodings_are_honoured(tmp_path: Path, encoding: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    words = "Zürich café"
    path.write_text(words if suffix == ".txt" else json.dumps(words, ensure_ascii=False), encoding=encoding)
    given = "utf-8" if encoding == "utf-8-sig" else encoding
    assert texts(path, reading=Reading(encoding=given)) == [words], "a byte-order mark is no text"


def test_a_long_text_is_cut_between_paragraphs_and_nothing_is_lost(tmp_path: Path) -> None:
    paragraphs = [f"paragraph {i}\n" + "word " * (i % 400) + "\n\n" for i in range(400)]
    path = tmp_path / "book.txt"
    path.write_text("".join(paragraphs))
    parts = texts(path)
    assert "".join(parts) == "".join(paragraphs)
    assert len(parts) > 10
    assert all(part.startswith("paragraph") for part in parts)
    assert all(len(part) >= text_source.WHOLE for part in parts[:-1])


def test_a_text_without_blank_lines_or_lines_is_still_cut(tmp_path: Path) -> None:
    lines, line = tmp_path / "lines.txt", tmp_path / "line.txt"
    lines.write_text("a line of text\n" * 50_000)
    line.write_text("x" * 3_000_000)
    assert "".join(texts(lines)) == lines.read_text()
    assert all(part.endswith("\n") and len(part) < text_source.LINE + 20 for part in texts(lines))
    assert [len(part) for part in texts(line)] == [
        text_source.HARD,
        text_source.HARD,
        3_000_000 - 2 * text_source.HARD,
    ]


def test_line_ends_of_windows_become_newlines_even_at_a_read_boundary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n")
    for size in (1, 2, 3, 4, 5, 100):
        monkeypatch.setattr(text_source, "_READ", size)
        assert texts(path) == ["one\ntwo\nthree\n"]


def test_missing_inputs_name_what_lies_near(tmp_path: Path) -> None:
    (tmp_path / "corpus.parquet").write_bytes(b"x")
    assert "did you mean 'corpus.parquet'?" in refusal(tmp_path / "corpsu.parquet")
    assert "nothing to read in" in refusal(_folder(tmp_path / "empty"))
    unknown = tmp_path / "notes.docx"
    unknown.write_bytes(b"x")
    assert "notes.docx is of an unknown kind" in refusal(unknown)
    assert "no input was given" in refusal()


@pytest.mark.parametrize("name", ["a.parquet", "a.txt", "a.jsonl", "a.json"])
def test_a_file_of_no_bytes_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert f"{name} is empty (0 bytes)" in refusal(tmp_path / name)


def test_a_parquet_that_is_none_or_cut_short_is_refused(tmp_path: Path, parquet: Path) -> None:
    fake = tmp_path / "fake.parquet"
    fake.write_text("id,text\n1,hello\n")
    assert "fake.parquet is not a readable parquet file" in refusal(fake)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(parquet.read_bytes()[:-100])
    assert "cut.parquet is not a readable parquet file" in refusal(cut)


def test_a_parquet_damaged_within_is_refused_with_the_row(tmp_path: Path, parquet: Path) -> None:
    data = bytearray(parquet.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(data)
    assert "damaged.parquet cannot be read beyond row" in refusal(damaged)


def test_a_wrong_column_lists_the_columns_and_the_nearest(parquet: Path) -> None:
    line = refusal(parquet, reading=Reading(text_column="txet"))
    assert (
        "no column 'txet' (did you mean 'text'?); its columns are: id, text; choose one with --text-column"
        in line
    )


def test_a_column_that_is_not_text_is_refused(parquet: Path) -> None:
    line = refusal(parquet, reading=Reading(text_column="id"))
    assert "column 'id'" in line
    assert "holds int64, not text; columns of text: text" in line


def test_a_broken_json_line_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"\n{"text": "three"}\n')
    assert "a.jsonl:2 is not JSON" in refusal(path)
    deep = tmp_path / "deep.jsonl"
    deep.write_text("[" * 100_000)
    assert "deep.jsonl:1 is not JSON" in refusal(deep)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('["one",\n\n "two', 3),
        ('["one",\n {"text": }]', 2),
        ('["one"', 1),
        ('"one"\n"two"\nnope', 3),
        ('["a"\n,\n', 3),
    ],
)
def test_a_broken_json_file_is_named_by_line(tmp_path: Path, body: str, line: int) -> None:
    path = tmp_path / "a.json"
    path.write_text(body)
    assert f"a.json:{line} is not JSON" in refusal(path)


def test_a_json_file_broken_early_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text('["fine",\n {"text": oops, "n": 1},\n' + '"more", ' * 10_000 + '"last"]')
    pieces = text_source.decoded(path, "utf-8")
    monkeypatch.setattr(text_source, "_READ", 100)
    monkeypatch.setattr(text_source, "decoded", lambda *_: pieces)
    with pytest.raises(SlotdeckError, match=r"a\.json:2 is not JSON: Expecting value near"):
        list(json_source.read_values(path, "text", "utf-8", Tally("skip")))
    assert next(pieces, None) is not None, "what lies behind was left unread"


def test_a_wrong_key_lists_the_keys_and_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"content": "one", "id": 1}\n')
    line = refusal(path, reading=Reading(text_key="contents"))
    assert "a.jsonl:1 has no key 'contents' (did you mean 'content'?); its keys are: content, id" in line


def test_json_values_that_are_no_text_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"text": "good"}\n{"text": null}\n{"other": 1}\n{"text": 5}\n7\n'
        b'"caf\xe9"\n"\\ud800"\n{"text": ""}\n'
    )
    tally = Tally("skip")
    assert texts(path, tally=tally) == ["good"]
    skipped = tally.skipped()
    assert (skipped.nulls, skipped.not_text, skipped.invalid_utf8, skipped.empty) == (2, 2, 2, 1)
    assert f"first: {path}:6" in " ".join(tally.lines())


@pytest.mark.parametrize("suffix", [".txt", ".json"])
def test_text_in_another_encoding_is_refused_with_the_byte(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b'"line one\nline caf\xe9"')
    line = refusal(path)
    assert "is not utf-8: byte 0xe9 at 18, line 2; name its encoding with --encoding" in line


@pytest.mark.parametrize("suffix", [".txt", ".json", ".jsonl"])
def test_utf16_taken_for_utf8_is_recognised(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text('"text"', encoding="utf-16")
    assert "--encoding utf-16" in refusal(path)


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    assert "unknown encoding 'utf-88'" in refusal(path, reading=Reading(encoding="utf-88"))


def test_a_corpus_with_nothing_left_is_refused_with_the_reason(tmp_path: Path, run_prepare: Run) -> None:
    path = tmp_path / "nulls.parquet"
    pq.write_table(pa.table({"text": pa.array([None, None], pa.string())}), path)
    with pytest.raises(SlotdeckError, match=r"no text in .*nulls\.parquet \(skipped 2 rows, null; the first"):
        run_prepare(path)
    no_rows = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), no_rows)
    with pytest.raises(SlotdeckError, match=r"no text in .*rows\.parquet"):
        run_prepare(no_rows)


def test_memory_is_bounded_by_a_row_group_not_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    group = pa.table({"text": [f"{i} " + "word " * 20_000 for i in range(10)]})
    with pq.ParquetWriter(path, group.schema, use_dictionary=False, compression="none") as writer:
        for _ in range(60):
            writer.write_table(group)
    before, most, read = pa.total_allocated_bytes(), 0, 0
    for batch in parquet_source.read(path, "text", Tally("skip")):
        most = max(most, pa.total_allocated_bytes() - before)
        read += sum(map(len, batch.texts))
        assert sum(map(len, batch.texts)) < 1.2 * parquet_source.BATCH_BYTES
    assert read > 60_000_000
    assert most < 20_000_000, "the file is sixty megabytes, a read of 64 rows six"


def test_batches_are_small_whatever_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps("word " * 2000) for _ in range(500)))
    sizes = [sum(map(len, b.texts)) for b in json_source.read_lines(path, "text", "utf-8", Tally("skip"))]
    assert max(sizes) < 1.1 * json_source.BATCH_CHARS


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
