"""Impossible combinations are refused with the setting to change; possible ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SlotdeckError
from engine.profile.checks import check, problems
from engine.profile.derive import num_params, padded_vocab, tokens_per_step, total_tokens
from engine.profile.forecast import forecast
from engine.profile.load import load_profile
from engine.profile.shelf import list_profiles


@pytest.mark.parametrize("name", [profile.name for profile in list_profiles()])
def test_the_profiles_that_come_along_are_possible(name: str) -> None:
    check(load_profile(name), data=False)


@pytest.mark.parametrize(
    ("sets", "parts"),
    [
        (["name=My Run"], ["My Run", "lower-case"]),
        (["name=../up"], ["cannot name a run folder"]),
        (["name="], ["cannot name a run folder"]),
        (["model.n_head=5"], ["n_head = 5", "n_embd = 32", "model.n_head=4"]),
        (["data.seq_len=64"], ["data.seq_len = 64", "model.seq_len = 32"]),
        (["precision.compute=fp16"], ["fp16", "cpu"]),
        (["optim.warmup_steps=61"], ["warmup_steps = 61", "steps = 60", "train.steps above 61"]),
        (["train.steps=5"], ["warmup_steps = 6", "steps = 5", "optim.warmup_steps=1,"]),
        (["optim.min_lr=0.1"], ["min_lr = 0.1", "lr = 0.003"]),
        (["optim.min_lr=0.1", "optim.schedule=wsd"], ["min_lr = 0.1", "lr = 0.003"]),
        (
            ["slots.mean_duty=0", "slots.keep_first=false", "slots.keep_last=false"],
            ["no slot on", "keep_first"],
        ),
        (["slots.mean_duty=1.5"], ["slots.mean_duty", "<= 1.0"]),
        (["train.lean=true", "train.accumulate=4"], ["train.lean", "accumulate = 4", "train.batch_size=16"]),
        (["train.lean=true", "train.batch=auto"], ["train.lean", "batch = auto"]),
        (["train.lean=true", "precision.compute=fp16", "train.device=cuda"], ["train.lean", "fp16"]),
        (["optim.gate_l1=0.01"], ["gate_l1 = 0.01", "model.gates=true"]),
        (["optim.schedule=wsd", "optim.cooldown=0.95"], ["warmup_steps = 6", "cooldown = 0.95", "overlap"]),
        (["evaluate.tokens=16"], ["evaluate.tokens = 16", "sequence of 32"]),
        (["guard.spike_window=4"], ["spike_window = 4", "spike_sigma=0"]),
        (["guard.pause_after=21"], ["pause_after = 21", "0 for never"]),
        (["guard.stalled_data_share=0"], ["stalled_data_share = 0", "1 is never"]),
        (["train.batch_size=3000000000"], ["train.batch_size", "too large"]),
        (["model.n_head=5", "evaluate.tokens=16"], ["n_head", "(and 1 more)"]),
    ],
)
def test_an_impossible_combination_names_the_keys_and_a_way_out(sets: list[str], parts: list[str]) -> None:
    with pytest.raises(SlotdeckError) as raised:
        check(load_profile("tiny", sets), data=False)
    assert all(part in str(raised.value) for part in parts), raised.value
    assert raised.value.remedy


def test_a_constant_schedule_needs_no_lower_end() -> None:
    check(load_profile("tiny", ["optim.schedule=constant", "optim.min_lr=1"]), data=False)


def test_the_data_folder_must_be_there_and_prepared(tmp_path: Path) -> None:
    def told(folder: Path | str) -> str:
        return " ".join(map(str, problems(load_profile("tiny", [f"data.dir={folder}"]))))

    assert "not set" in " ".join(map(str, problems(load_profile("tiny"))))
    assert "does not exist" in told(tmp_path / "gone")
    (tmp_path / "file").touch()
    assert "is not a folder" in told(tmp_path / "file")
    assert "no train*.bin" in told(tmp_path)
    (tmp_path / "train_000.bin").touch()
    assert "no val*.bin" in told(tmp_path)
    (tmp_path / "val.bin").touch()
    assert told(tmp_path) == ""


def test_derived_numbers_are_those_of_gpt2() -> None:
    profile = load_profile("gpt2-124m")
    assert padded_vocab(50257) == 50304
    assert num_params(profile.model, 50257) == 124_475_904
    assert tokens_per_step(profile) == 524_288
    assert total_tokens(profile) == 20_000 * 524_288


def test_a_folder_of_weights_must_be_there(tmp_path: Path) -> None:
    def told(folder: Path) -> str:
        return " ".join(map(str, problems(load_profile("tiny", [f"model.init_from={folder}"]))))

    assert "init_from" in told(tmp_path / "gone")
    (tmp_path / "file").touch()
    assert "is not a folder" in told(tmp_path / "file")
    assert "init_from" not in told(tmp_path)


@pytest.mark.parametrize("name", ["adamw", "adamw8bit", "muon"])
@pytest.mark.parametrize("weights", ["fp32", "bf16"])
@pytest.mark.parametrize("lean", ["true", "false"])
def test_training_bytes_follow_the_rule_and_the_type(name: str, weights: str, lean: str) -> None:
    sets = [f"optim.name={name}", f"precision.weights={weights}", f"train.lean={lean}", "train.accumulate=1"]
    need = forecast(load_profile("gpt2-124m", sets), 50257).least / 2**20
    gpt2 = {  # the table in docs/memory.md
        ("adamw", "fp32"): (1899, 1629), ("adamw", "bf16"): (1575, 1440),
        ("adamw8bit", "fp32"): (1416, 1146), ("adamw8bit", "bf16"): (1092, 957),
        ("muon", "fp32"): (1575, 1305), ("muon", "bf16"): (1251, 1116),
    }  # fmt: skip
    assert need == pytest.approx(gpt2[name, weights][lean == "true"], abs=1.0)
