"""One compiled block: 12 slots are 1 graph, no plan makes another, and trouble means eager blocks and one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
import torch._inductor.config
from patience import PATIENCE_S
from torch import Tensor, nn

from engine.evaluate import sample, validate
from engine.models import toolchain
from engine.models.compiled import Compilation, Variant, compile_blocks, variants
from engine.models.decoder import Decoder
from engine.models.slotted import BlockPlan
from engine.slots.duty import DUTIES, passing_counts

CPU = torch.device("cpu")
FP32 = torch.float32
SEQ_LEN, BATCH = 8, 2


def decoder(n_layer: int, dropout: float = 0.0) -> Decoder:
    model = Decoder(
        n_layer=n_layer,
        n_head=2,
        n_embd=16,
        seq_len=SEQ_LEN,
        vocab_size=64,
        padded_vocab_size=64,
        dropout=dropout,
    )
    model.init_weights(torch.Generator().manual_seed(1))
    return model


def table() -> list[Variant]:
    return variants(passing_counts(BATCH, 2), SEQ_LEN, [FP32], {BATCH, 1})


def batch(seed: int = 2) -> tuple[Tensor, Tensor]:
    ids = torch.randint(0, 64, (BATCH, SEQ_LEN + 1), generator=torch.Generator().manual_seed(seed))
    return ids[:, :-1], ids[:, 1:]


def random_plan(rng: Random, slots: int) -> list[BlockPlan]:
    rows = []
    for _ in range(slots):
        duty, trained, recompute = rng.choice(DUTIES), rng.random() < 0.7, rng.random() < 0.3
        passing = [i for i in range(BATCH) if rng.random() < duty]
        if not passing:
            rows.append(BlockPlan(0.0))
        elif len(passing) == BATCH:
            rows.append(BlockPlan(1.0, trained, recompute=recompute))
        else:
            subset, scale = torch.tensor(passing), rng.choice([1.0, 1 / duty])
            rows.append(BlockPlan(0.5, trained, subset=subset, scale=scale, recompute=recompute))
    return rows


@pytest.fixture(scope="module")
def warm() -> tuple[Decoder, Compilation, list[tuple[int, int, str]]]:
    """12 blocks with dropout, warmed for every plan; no code is generated, so it is quick."""
    model, told = decoder(12, dropout=0.1), []
    compilation = compile_blocks(model, backend="aot_eager")
    before = torch.get_rng_state()
    compilation.warm(table()[:1])
    assert compilation.graphs == 1, "12 blocks, 1 graph"
    compilation.warm(table(), lambda *progress: told.append(progress))
    assert torch.equal(torch.get_rng_state(), before), "and no draw of dropout is missing"
    assert all(p.grad is None for p in model.parameters())
    return model, compilation, told


def test_random_plans_evaluations_and_samples_compile_nothing(warm) -> None:
    model, compilation, _ = warm
    made, rng = compilation.graphs, Random(3)
    seen = []
    handles = [p.register_post_accumulate_grad_hook(seen.append) for p in model.parameters()]
    try:
        for _ in range(20):
            with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                model.forward_loss(*batch(), random_plan(rng, 12)).backward()
            model.zero_grad()
    finally:
        for handle in handles:
            handle.remove()
    assert seen, "an optimizer that steps inside backward is still called"
    x, y = batch()
    validate(model, [(x, y), (x[:1], y[:1])], FP32, CPU)
    sample(model, [1, 2], 4, 0.0, 0, torch.Generator())
    assert compilation.recompiles == 0
    assert compilation.graphs == made <= len(table())
    assert "12 blocks share" in compilation.describe()
    assert not compilation.missing(table())


def test_the_warm_up_is_told_variant_by_variant(warm) -> None:
    _, _, told = warm
    total = len(table()) - 1
    assert [done for done, _, _ in told] == list(range(total + 1))
    assert {of for _, of, _ in told} == {total}
    assert told[0][2] == "fp32 2 x 8 evaluation"
    assert told[-1][2] == ""


def test_values_and_gradients_are_the_eager_ones() -> None:
    eager, model = decoder(3), decoder(3)
    compilation = compile_blocks(model, backend="aot_eager")
    compilation.warm([variant for variant in table() if variant.learning])
    rng = Random(4)
    for _ in range(8):
        plan = random_plan(rng, 3)
        for m in (eager, model):
            m.zero_grad()
            m.forward_loss(*batch(), plan).backward()
        for (name, got), expected in zip(model.named_parameters(), eager.parameters(), strict=True):
            assert (got.grad is None) == (expected.grad is None), name
            if got.grad is not None:
                torch.testing.assert_close(got.grad, expected.grad, rtol=1e-4, atol=1e-7)
    assert compilation.recompiles == 0


def test_what_is_not_in_the_table_runs_eagerly_and_is_said_once(warm) -> None:
    model, compilation, _ = warm
    said: list[str] = []
    compilation._say = said.append
    x, y = batch()
    made = compilation.graphs
    for _ in range(2):
        model.forward_loss(x[:, :5], y[:, :5]).backward()
    model.zero_grad()
    assert compilation.graphs == made
    assert said == ["fp32 2 x 5 was not compiled beforehand: such blocks run eagerly"]


def test_a_block_that_cannot_be_compiled_runs_eagerly_and_says_so_in_one_line() -> None:
    model, said = decoder(2), []
    compilation = compile_blocks(model, backend="no-such-backend", say=said.append)
    compilation.warm(table())
    assert not compilation.on
    assert len(said) == 1
    assert said[0].startswith("blocks run eagerly: compiling fp32 2 x 8 failed: ")
    assert "\n" not in said[0]
    model.forward_loss(*batch()).backward()


def test_a_step_without_memory_is_the_step_s_trouble_and_compiling_stays_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, said = decoder(1), []
    compilation = compile_blocks(model, backend="aot_eager", say=said.append)
    compilation.warm(table()[:1])

    def full(*_: object) -> Tensor:
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")

    monkeypatch.setattr(compilation, "_block", full)
    with pytest.raises(RuntimeError, match="ALLOC_FAILED"):
        model.forward_loss(*batch())
    assert not compilation.warm(table()).compiled
    assert compilation.on
    assert not compilation.missing(table()), "and it is not tried before every step"
    assert all("was not compiled beforehand: such blocks run eagerly" in line for line in said)


def test_a_stop_is_not_kept_waiting() -> None:
    model = decoder(1)
    compilation = compile_blocks(model, backend="aot_eager")
    assert compilation.warm(table(), hurry=lambda: True).compiled == 0
    model.forward_loss(*batch()).backward()


NO_COMPILER = """
import torch
from engine.models.compiled import compile_blocks
from engine.models.decoder import Decoder
model = Decoder(n_layer=1, n_head=1, n_embd=8, seq_len=4, vocab_size=64, padded_vocab_size=64)
compilation = compile_blocks(model)
print(compilation.describe())
assert model.compiled is None and not compilation.warm([]).compiled
model.forward_loss(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.int64)).backward()
"""


def test_without_a_compiler_it_is_one_line_and_no_trace(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("CXX", "CC")} | {"PATH": str(tmp_path)}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", NO_COMPILER],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("blocks run eagerly: no C compiler (")
    assert done.stdout.rstrip().endswith("install gcc and g++ (apt install build-essential)")


@pytest.mark.parametrize(
    ("device", "env", "line"),
    [
        ("cpu", {"CXX": "/no/such/g++"}, "CXX names '/no/such/g++', which is not there: unset or mend it"),
        ("mps", {}, "the compiled block is for NVIDIA GPUs and CPUs, and this run is on mps"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, device: str, env: dict[str, str], line: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert toolchain.missing(device) == line


class Bend(nn.Module):
    """A slot that is one kernel: the C++ compiler takes seconds for each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((16,), 0.5))

    def forward(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        return x_BTD + torch.tanh(x_BTD * self.weight)


@pytest.mark.skipif(bool(toolchain.missing("cpu")), reason=f"cannot compile: {toolchain.missing('cpu')}")
def test_generated_code_judges_as_eager_blocks_do() -> None:
    """The one test that runs the C++ compiler."""
    model = decoder(2)
    model.blocks = nn.ModuleList(Bend() for _ in range(2))
    x, y = batch()
    expected, _ = validate(model, [(x, y)], FP32, CPU)
    compilation = compile_blocks(model)
    # What takes long with an empty cache is left out: worker processes, the probing of vector units, header caches.
    quick = {"compile_threads": 1, "cpp.simdlen": 1, "cpp_cache_precompile_headers": False}
    with torch._inductor.config.patch(quick):
        compilation.warm([Variant(BATCH, SEQ_LEN, FP32, learning=False)])
    assert compilation.on, compilation.why_off
    assert validate(model, [(x, y)], FP32, CPU)[0] == pytest.approx(expected, rel=1e-5)
    assert (compilation.graphs, compilation.recompiles) == (1, 0)
