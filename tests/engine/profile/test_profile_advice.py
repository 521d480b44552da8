"""What a run says about itself at its start: settings that do less than they seem to."""

from __future__ import annotations

import pytest

from engine.profile.advice import advice
from engine.profile.load import load_profile
from engine.profile.shelf import list_profiles


def told(*sets: str) -> str:
    return "; ".join(advice(load_profile("tiny", list(sets))))


@pytest.mark.parametrize(
    ("sets", "parts"),
    [
        (["optim.schedule=wsd", "optim.cooldown=0.4"], ["60% of the run", "optim.cooldown=0.25"]),
        (["train.batch_size=3", "train.accumulate=2"], ["6 sequences", "0, 1/2 and 1", "multiple of 4"]),
        (["train.batch_size=1"], ["1 sequence can", "0 and 1:"]),
        (["slots.mean_duty=0.33"], ["mean_duty = 0.33", "2 of 4 blocks", "0.5 at least"]),
        (["slots.scale=inverse", "slots.grain=slot"], ["slots.grain=sequence"]),
        (["slots.equal_work=true"], ["not with anneal"]),
    ],
)
def test_a_setting_that_does_less_than_it_seems_to_is_told_with_a_way_out(
    sets: list[str], parts: list[str]
) -> None:
    assert all(part in told(*sets) for part in parts), told(*sets)


@pytest.mark.parametrize(
    "sets",
    [
        ["optim.schedule=wsd", "optim.cooldown=0.25"],
        ["optim.schedule=wsd", "optim.cooldown=0.4", "slots.policy=random"],
        ["train.batch_size=1", "train.accumulate=8"],
        ["train.batch_size=3", "slots.grain=slot"],
        ["slots.scale=inverse", "slots.grain=sequence"],
        ["slots.equal_work=true", "slots.policy=random"],
        ["slots.policy=all", "slots.mean_duty=0", "train.batch_size=1"],
    ],
)
def test_a_sensible_one_is_not_remarked_on(sets: list[str]) -> None:
    assert told(*sets) == ""


def test_nor_is_a_profile_that_comes_with_the_engine() -> None:
    for listed in list_profiles():
        assert advice(load_profile(listed.name)) == []
