"""What the model can do right now: its loss on the fixed validation set, and text drawn from it.

Called by `engine.train` when one is due and for the commands `evaluate` and `sample`. Neither disturbs
training: no gradient, no draw from the global generators, the model's mode put back, also when something
raises.

Shapes: B sequences, T positions, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from engine.models import BlockPlan, SlottedModel


class Batches(Protocol):
    """A fixed set of `(x_BT, y_BT)`, int64 on the CPU, of known size: `engine.data.loader.ValidationSet`."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


def validate(
    model: SlottedModel,
    batches: Batches,
    dtype: torch.dtype,
    device: torch.device,
    told: Callable[[int, int], None] | None = None,
    blocks: Sequence[BlockPlan] | None = None,
) -> tuple[float, int]:
    """Mean loss in nats per token over all batches, and how many tokens that is.

    Args:
        model: on `device`; left in the mode it came in.
        batches: sizes may differ, each token counts the same.
        dtype: the run's compute type.
        told: called with batches done and in all, after each.
        blocks: None for all slots on, which is how a model is judged; a plan only to leave out pruned ones.
    """
    total = torch.zeros((), dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
    tokens = 0
    with _judging(model):
        for done, (x_BT, y_BT) in enumerate(batches, start=1):
            loss = model.forward_loss(x_BT.to(device), y_BT.to(device), blocks, dtype)
            total += loss * y_BT.numel()
            tokens += y_BT.numel()
            if told:
                told(done, len(batches))
    assert tokens, "the validation set is empty, which its loader refuses"
    return total.item() / tokens, tokens


def perplexity(loss: float) -> float:
    """`exp(loss)`: among how many equally likely tokens the model is torn; infinite where that overflows."""
    return math.exp(loss) if loss < 700 else math.inf


def sample(
    model: SlottedModel,
    ids: Sequence[int],
    n: int,
    temperature: float,
    top_k: int,
    generator: torch.Generator,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    stop_at: int | None = None,
) -> list[int]:
    """Up to `n` ids that continue `ids`, without the prompt itself.

    The model is run afresh for each token on the last `seq_len` ids: no cache of keys and values to keep in
    step with a model that is still being trained, and a sample is short.

    Args:
        ids: the prompt, at least one id: the end-of-text id stands for an empty one.
        temperature: 0 takes the likeliest id each time.
        top_k: draw among that many of the likeliest ids; 0: all.
        generator: the CPU's; the draw is made there, so a seed means the same text on every device.
        stop_at: the end-of-text id, if drawing it ends the text; it is not returned.
    """
    assert ids, "a prompt has at least one id; give the end-of-text id for an empty one"
    text = list(ids)
    with _judging(model):
        for _ in range(n):
            context_BT = torch.tensor([text[-model.seq_len :]], device=device)
            logits_V = model.next_logits(context_BT, dtype=dtype)[0].cpu()
            if not logits_V.isfinite().all():
                break  # a model that overflowed has nothing to say, and is no reason to end a run
            token = _draw(logits_V, temperature, top_k, generator)
            if token == stop_at:
                break
            text.append(token)
    return text[len(ids) :]


def _draw(logits_V: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits_V.argmax())
    kept = min(top_k or len(logits_V), len(logits_V))
    best, order = torch.topk(logits_V, kept)
    # The best is subtracted first, so a temperature near 0 gives one certain id and never inf / inf.
    weights = torch.softmax((best - best[0]).double() / temperature, dim=0)
    return int(order[torch.multinomial(weights, 1, generator=generator)])


@contextmanager
def _judging(model: SlottedModel) -> Iterator[None]:
    """No gradients and no dropout within it; the model's mode is put back."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)
