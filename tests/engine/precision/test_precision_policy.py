"""Which precision and device a run gets, and what is refused before anything changes."""

from __future__ import annotations

import pytest
import torch

from engine.errors import SlotdeckError
from engine.precision.device import available, choose_device
from engine.precision.fp8 import Trial
from engine.precision.policy import choose, dtype_of, resolve

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("kind", "bf16", "expected"),
    [
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("mps", True, "bf16"),
        ("mps", False, "fp32"),
        ("cpu", True, "fp32"),
    ],
)
def test_auto_takes_what_the_device_is_good_at_and_says_why(kind: str, bf16: bool, expected: str) -> None:
    name, reason = choose("auto", kind, bf16)
    assert name == expected
    assert reason


@pytest.mark.parametrize(
    ("name", "kind", "bf16", "line"),
    [
        ("fp16", "cpu", True, "fp16 needs a CUDA GPU, and this run is on cpu; choose bf16 or fp32"),
        ("fp16", "mps", False, "fp16 needs a CUDA GPU, and this run is on mps; choose fp32"),
        ("bf16", "cuda", False, "this GPU has no bf16; choose fp16 or fp32"),
        ("bf16", "mps", False, "this GPU has no bf16; choose fp32"),
        (
            "fp32x",
            "cpu",
            True,
            "'fp32x' is not a precision (did you mean 'fp32'?); write one of fp32, bf16, fp16, fp8 or auto",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(name: str, kind: str, bf16: bool, line: str) -> None:
    with pytest.raises(SlotdeckError) as refused:
        choose(name, kind, bf16)
    assert str(refused.value) == line


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_cpu_computes_what_it_was_asked_to(name: str) -> None:
    assert resolve(name, CPU)[0] == name


def test_resolving_on_this_machine() -> None:
    assert resolve("auto", CPU)[0] == "fp32"
    with pytest.raises(SlotdeckError, match="fp16 needs a CUDA GPU"):
        resolve("fp16", CPU)
    assert [dtype_of(name) for name in ("fp32", "bf16", "fp16")] == [
        torch.float32,
        torch.bfloat16,
        torch.float16,
    ]


def test_a_device_is_chosen_or_refused_never_replaced() -> None:
    assert choose_device("auto").type == available()[0]
    assert choose_device("cpu") == CPU
    with pytest.raises(
        SlotdeckError, match=r"train\.device = 'cdua' is not a device \(did you mean 'cuda'\?\)"
    ):
        choose_device("cdua")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_when_one_is_asked_for() -> None:
    with pytest.raises(SlotdeckError) as refused:
        choose_device("cuda")
    assert "train.device = 'cuda', and torch" in refused.value.message
    assert refused.value.remedy == f"write {available()[0]!r} or 'auto'"


def test_an_fp8_that_breaks_when_it_is_tried_is_not_chosen_and_says_why() -> None:
    def breaks() -> Trial:
        raise RuntimeError("no kernel\nfor this device")

    name, reason = choose("auto", "cuda", True, True, breaks)
    assert name == "bf16"
    assert reason.startswith("fp8 could not be tried: no kernel")
    with pytest.raises(SlotdeckError, match="fp8 does not work here: no kernel"):
        choose("fp8", "cuda", True, True, breaks)
