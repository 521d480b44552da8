"""Building a model from the profile's table."""

from __future__ import annotations

import pytest

from engine.errors import SlotdeckError
from engine.models import build_model
from engine.profile.schema import Model

SMALL = {"n_layer": 1, "n_head": 2, "n_embd": 16, "seq_len": 8}


@pytest.mark.parametrize(
    ("ids", "asked", "rows"), [(64, 0, 64), (65, 0, 128), (90, 200, 256), (4096, 4096, 4096)]
)
def test_the_vocabulary_is_rounded_up_to_whole_tiles(ids: int, asked: int, rows: int) -> None:
    model = build_model(Model(**SMALL, vocab_size=asked), ids)
    assert model.head_weight().shape == (rows, 16)
    assert model.vocab_size == ids


def test_a_vocabulary_too_small_for_the_data_is_refused() -> None:
    with pytest.raises(SlotdeckError, match=r"vocab_size = 50, and the data has 90 ids; set it to 0"):
        build_model(Model(**SMALL, vocab_size=50), 90)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(SlotdeckError, match=r"n_head = 3 does not divide model\.n_embd = 16"):
        build_model(Model(**{**SMALL, "n_head": 3}), 90)
