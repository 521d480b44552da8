"""The loss head on a CPU: plain cross entropy, torch's chunked op, our chunked function. Loss and gradients.

    OMP_NUM_THREADS=1 python -m benchmarks.loss_head

Interleaved, one thread, at the demo's size; the ratio of medians within one run is the figure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import results
from engine.models.head import HAS_TORCH_HEAD, chunked_loss

N_EMBD, VOCAB, ROWS = 128, 4096, (2048, 4096)
CHUNKS = (128, 256, 512, 1024)
ROUNDS = 9


def plain(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor) -> Tensor:
    """The full logits, held."""
    return F.cross_entropy(F.linear(h_ND, weight_VD.to(h_ND.dtype)).float(), target_N)


def heads() -> dict[str, Callable[..., Tensor]]:
    """Every way to the loss, by name."""
    found: dict[str, Callable[..., Tensor]] = {"plain": plain}
    for chunk in CHUNKS:
        for name in ("own", "torch") if HAS_TORCH_HEAD else ("own",):
            found[f"{name}, chunk {chunk}"] = lambda h, w, t, c=chunk, n=name: chunked_loss(h, w, t, c, n)
    return found


def measure(dtype: torch.dtype, rows: int) -> dict[str, list[float]]:
    """Milliseconds of forward and backward for each head, `ROUNDS` times in turn."""
    generator = torch.Generator().manual_seed(1)
    h_ND = torch.randn(rows, N_EMBD, generator=generator).to(dtype).requires_grad_()
    weight_VD = torch.randn(VOCAB, N_EMBD, generator=generator).mul_(0.02).requires_grad_()
    target_N = torch.randint(0, VOCAB, (rows,), generator=generator)
    taken_ms: dict[str, list[float]] = {name: [] for name in heads()}
    for round_ in range(ROUNDS + 1):
        for name, head in heads().items():
            h_ND.grad = weight_VD.grad = None
            started = time.perf_counter()
            head(h_ND, weight_VD, target_N).backward()
            if round_:  # the first is warm-up
                taken_ms[name].append((time.perf_counter() - started) * 1e3)
    return taken_ms


def main() -> None:
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for dtype in (torch.float32, torch.bfloat16):
        for n in ROWS:
            taken_ms = measure(dtype, n)
            base = statistics.median(taken_ms["plain"])
            for name, values in taken_ms.items():
                spread = results.spread(values)
                row = {
                    "figure": f"{str(dtype).removeprefix('torch.')}, {n} rows: {name}",
                    "value": round(spread["median"], 1),
                    "unit": "ms",
                    "aim": None,
                    "met": None,
                    "min": round(spread["min"], 1),
                    "max": round(spread["max"], 1),
                    "of_plain": round(spread["median"] / base, 2),
                    "largest_logits_bytes": 4 * VOCAB * (n if name == "plain" else int(name.split()[-1])),
                }
                rows.append(row)
                print(f"{row['figure']:42} {row['value']:8.1f} ms  {row['of_plain']:.2f} of plain")
    notes = [
        f"width {N_EMBD}, vocabulary {VOCAB}, one thread, torch {torch.__version__}, {ROUNDS} rounds in turn",
        "in bf16 torch's op returns the loss rounded to bf16; ours is fp32",
    ]
    print(results.write("loss_head", "Loss head on a CPU, loss and gradients", rows, notes))


if __name__ == "__main__":
    main()
