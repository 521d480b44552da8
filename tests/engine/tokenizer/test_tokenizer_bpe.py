"""The tokenizer: nothing is lost on the way to ids and back, and its vocabulary has a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SlotdeckError
from engine.tokenizer import bpe

GPT2 = Path(__file__).parents[4] / "shared" / "data" / "gpt2-tokenizer"
TEXTS = [
    "def slot(self):\n    return self._slot\n",
    "the loss fell and the slots slept",
    "naïve 损失 🙂",
] * 20
TOKENIZER = bpe.train(TEXTS, 320)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert all(0 <= i < TOKENIZER.vocab_size and i != TOKENIZER.eot_id for i in ids)


def test_training_merges_what_is_frequent_and_is_repeatable() -> None:
    assert TOKENIZER.vocab_size <= 320
    assert len(TOKENIZER.encode("the loss fell")) < len("the loss fell") / 2
    again = bpe.train(TEXTS, 320)
    assert (again.vocab_hash, again.to_json()) == (TOKENIZER.vocab_hash, TOKENIZER.to_json())


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    assert bpe.train(TEXTS, 257).vocab_size == 257
    with pytest.raises(SlotdeckError, match=r"vocabulary of 256 is too small; give at least 257"):
        bpe.train(TEXTS, 256)


def test_a_saved_tokenizer_is_the_same_one(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(TOKENIZER.to_json())
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = bpe.load(path)
        assert loaded.vocab_hash == TOKENIZER.vocab_hash
        assert (loaded.eot_id, loaded.eot_token) == (0, "<|endoftext|>")
        assert loaded.encode("the slots 🙂") == TOKENIZER.encode("the slots 🙂")


def test_the_hash_changes_with_the_meaning_of_an_id() -> None:
    assert bpe.vocabulary_hash({"a": 0, "b": 1}) == bpe.vocabulary_hash({"b": 1, "a": 0})
    assert bpe.vocabulary_hash({"a": 0, "b": 1}) != bpe.vocabulary_hash({"a": 1, "b": 0})


def test_a_tokenizer_that_cuts_pads_or_adds_marks_does_none_of_it_here(tmp_path: Path) -> None:
    words = {"[CLS]": 0, "[SEP]": 1, "one": 2, "two": 3, "[PAD]": 4}
    special = [
        {
            "id": i,
            "content": t,
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for t, i in words.items()
        if t.startswith("[")
    ]
    body = {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 4,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": special,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 0]},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "one"},
    }
    path = tmp_path / "bert.json"
    path.write_text(json.dumps(body))
    tokenizer = bpe.load(path)
    assert tokenizer.encode("one two one two") == [2, 3, 2, 3]
    assert tokenizer.eot_token == "[SEP]"


def test_faults_of_a_tokenizer_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match=r"no tokenizer at .*none\.json; give"):
        bpe.load(tmp_path / "none.json")
    with pytest.raises(SlotdeckError, match=r"no tokenizer in .*vocab.bpe"):
        bpe.load(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SlotdeckError, match=r"a\.json is not a tokenizer: "):
        bpe.load(tmp_path / "a.json")
    with pytest.raises(SlotdeckError, match=r"is not a tokenizer"):
        bpe.Tokenizer.from_json("{")
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "merges.txt").write_text("a b\n")
    with pytest.raises(SlotdeckError, match=r"vocab\.json is not a tokenizer: "):
        bpe.load(tmp_path)


@pytest.mark.shared_data
@pytest.mark.skipif(not GPT2.is_dir(), reason="the GPT-2 tokenizer is not on this machine")
def test_gpt2s_two_files_give_gpt2s_ids() -> None:
    tokenizer = bpe.load(GPT2)
    assert (tokenizer.vocab_size, tokenizer.eot_id) == (50257, 50256)
    assert tokenizer.encode("Hello world") == [15496, 995]
    assert tokenizer.decode([15496, 995]) == "Hello world"
