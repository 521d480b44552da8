"""The one door for pickle: GPT-2 weights come in whole, and nothing else comes in at all."""

# ruff: noqa: ARG005
from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import SlotdeckError
from engine.models import build_model
from engine.models.decoder import Decoder
from engine.models.hf import hf_tensors, load_weights
from engine.profile.schema import Model
from engine.shrink.import_checkpoint import Imported, import_checkpoint

SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 16}
LENGTH, VOCAB = 8, 70
Weights = dict[str, Tensor]


def model(**settings: object) -> Decoder:
    torch.manual_seed(1)
    made = build_model(Model(**{**SIZES, "seq_len": LENGTH, **settings}), VOCAB)  # type: ignore[arg-type]
    assert isinstance(made, Decoder)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return made


def as_nanogpt(weights: Weights, compiled: bool = True) -> dict[str, object]:
    """Linear matrices are (out, in), every name is wrapped, the head is written, the rest stands beside."""
    turned = {k: v.T.contiguous() if ".c_" in k and k.endswith("weight") else v for k, v in weights.items()}
    turned["lm_head.weight"] = weights["transformer.wte.weight"]
    wrap = "_orig_mod." if compiled else ""
    return {
        "model": {wrap + k: v for k, v in turned.items()},
        "model_args": {**SIZES, "block_size": LENGTH, "vocab_size": VOCAB, "bias": True},
        "iter_num": 7,
    }


def saved(content: object, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "ckpt.pt")
    return folder / "ckpt.pt"


def imported(file: Path, to: Path, **options: object) -> Imported:
    return import_checkpoint(file, to, version="0", now_s=0.0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", ["hf", "hf-bare", "nanogpt", "nanogpt-plain", "no-bias"])
def test_weights_come_in_as_the_bits_they_were(shape: str, tmp_path: Path) -> None:
    bias = shape != "no-bias"
    source = model(bias=bias)
    weights = hf_tensors(source, torch.float32)
    if not bias:
        weights = {k: v for k, v in weights.items() if not k.endswith(".bias")}
    mask = {"transformer.h.0.attn.bias": torch.ones(1, 1, LENGTH, LENGTH)}
    content: object = {
        "hf": {**weights, **mask},
        "hf-bare": {k.removeprefix("transformer."): v for k, v in weights.items()},
        "nanogpt": as_nanogpt(weights),
        "nanogpt-plain": as_nanogpt(weights, compiled=False),
        "no-bias": {"state_dict": {f"module.{k}": v for k, v in weights.items()}},
    }[shape]
    made = imported(saved(content, tmp_path), tmp_path / "out", n_head=0 if "nano" in shape else 2)
    assert (made.n_layer, made.n_head, made.vocab_size, made.seq_len) == (2, 2, VOCAB, LENGTH)
    target = model(bias=bias)
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.zero_()
    load_weights(target, tmp_path / "out")
    again = hf_tensors(target, torch.float32)
    assert all(again[name].equal(tensor) for name, tensor in hf_tensors(source, torch.float32).items())
    assert set(load_file(tmp_path / "out" / "model.safetensors")) == set(again)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "config.json", "model.safetensors", "slotdeck.json",
    ]  # fmt: skip


class Touch:
    """A pickle that would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


REFUSED: dict[str, tuple[Callable[[Weights, Path], object], str]] = {
    "code": (lambda w, f: {**w, "x": Touch(f / "owned")}, "is not only weights"),
    "no tensors": (lambda w, f: {"epoch": 3}, "holds no table of tensors"),
    "a list": (lambda w, f: [1, 2], "holds no table of tensors"),
    "another model": (lambda w, f: {"conv.weight": torch.zeros(3)}, "no wte.weight"),
    "a lost tensor": (
        lambda w, f: {k: v for k, v in w.items() if not k.endswith("h.1.ln_2.weight")}, "ln_2.weight is missing",
    ),
    "a lost block": (
        lambda w, f: {k: v for k, v in w.items() if ".h.0." not in k}, "not numbered from 0",
    ),
    "a tensor too many": (lambda w, f: {**w, "transformer.h.0.\x1b[2J": torch.zeros(2)}, r"\\x1b\[2J is nothing"),
    "a wrong shape": (lambda w, f: {**w, "transformer.ln_f.weight": torch.zeros(5)}, "is 5, not 16"),
    "whole numbers": (lambda w, f: {**w, "transformer.ln_f.weight": torch.zeros(16, dtype=torch.int64)}, "int64"),
    "a head of its own": (lambda w, f: {**w, "lm_head.weight": torch.zeros(VOCAB, 16)}, "is not wte"),
    "stretched": (
        lambda w, f: {**w, "transformer.wpe.weight": torch.zeros(1).as_strided((1 << 40, 16), (0, 0))},
        "claims more numbers",
    ),
    "sparse": (lambda w, f: {**w, "transformer.wpe.weight": torch.eye(16).to_sparse()}, "no plain tensor|not only"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_anything_else_is_one_line_and_leaves_nothing(how: str, tmp_path: Path) -> None:
    change, part = REFUSED[how]
    file = saved(change(hf_tensors(model(), torch.float32), tmp_path), tmp_path / "in")
    with pytest.raises(SlotdeckError, match=part) as told:
        imported(file, tmp_path / "out", n_head=2)
    assert "\n" not in str(told.value)
    assert "weights_only" not in str(told.value), "how torch says it is no help"
    assert told.value.remedy
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["ckpt.pt"]


def test_bytes_of_every_kind_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(hf_tensors(model(), torch.float32), buffer)
    whole = buffer.getvalue()
    empty_zip = io.BytesIO()
    zipfile.ZipFile(empty_zip, "w").close()
    bad = [
        b"",
        b"\x80\x05.",
        b"\x80\x02c" + b"os\nsystem\n.",
        whole[: len(whole) // 2],
        empty_zip.getvalue(),
        b"x" * 999,
    ]
    for number, content in enumerate(bad):
        file = tmp_path / f"{number}.pt"
        file.write_bytes(content)
        with pytest.raises(SlotdeckError, match="not only weights, or damaged"):
            imported(file, tmp_path / "out", n_head=2)
    with pytest.raises(SlotdeckError, match="cannot be read"):
        imported(tmp_path / "gone.pt", tmp_path / "out", n_head=2)
    assert not (tmp_path / "out").exists()


def test_heads_are_asked_for_and_nothing_of_the_users_is_replaced(tmp_path: Path) -> None:
    file = saved(hf_tensors(model(), torch.float32), tmp_path / "in")
    with pytest.raises(SlotdeckError, match="how many heads"):
        imported(file, tmp_path / "out")
    with pytest.raises(SlotdeckError, match="3 heads do not divide"):
        imported(file, tmp_path / "out", n_head=3)
    imported(file, tmp_path / "out", n_head=2)
    with pytest.raises(SlotdeckError, match="--overwrite"):
        imported(file, tmp_path / "out", n_head=2)
    imported(file, tmp_path / "out", n_head=4, overwrite=True)
    with pytest.raises(SlotdeckError, match="something else"):
        imported(file, tmp_path / "in", n_head=2, overwrite=True)
