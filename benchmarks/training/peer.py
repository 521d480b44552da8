"""One peer's row, in a process of its own: JSON with what to do on stdin, JSON with what was found into a file.

    python -m benchmarks.training.peer RESULT < JOB

The peer is `benchmarks/peers`, in torch alone. Batches, validation set and the counting of memory are the engine's own,
so that both sides read the same tokens and are measured with the same rule.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import torch
from torch import Tensor

from benchmarks.peers.gpt import GPT, Shape
from benchmarks.peers.lisa import Lisa
from benchmarks.peers.nanogpt import muon_and_adamw, quick_forward
from benchmarks.peers.plain import Recipe, adamw, train
from benchmarks.training.curve import warm_steps
from benchmarks.training.sizes import SIZES, Size
from engine.data.loader import Loader, ValidationSet
from engine.data.shards import Shards
from engine.telemetry.torch_memory import SavedTensors

Job = dict[str, Any]
Forward = Callable[[Tensor, Tensor], Tensor]


class Peer:
    """A model, its batches and its clock."""

    def __init__(self, size: Size, job: Job, data_dir: str, seed: int) -> None:
        self.size, self.job, self.options = size, job, job["settings"]
        self.device = torch.device(size.device)
        shards, val = Shards.open(data_dir, "train"), Shards.open(data_dir, "val")
        rows = size.padded_vocab
        pin = self.device.type == "cuda"
        self.loader = Loader(shards, size.seq_len, size.batch_size, seed, vocab_size=rows, pin=pin)
        self.validation = ValidationSet(
            val, size.seq_len, job["evaluate_tokens"], size.batch_size, vocab_size=rows
        )
        shape = Shape(size.n_layer, size.n_head, size.n_embd, size.seq_len, rows)
        self.model = GPT(shape, seed, naive=self.options.get("attention") == "naive").to(self.device)
        self.forward: Forward = self.model
        self.judge: Forward = self.model
        if self.options.get("bf16"):
            compiled = bool(self.options.get("compile"))
            self.forward = quick_forward(self.model, size.device, True, compiled)
            self.judge = quick_forward(self.model, size.device, True, False)
        self.seconds = 0.0
        self.held = (0, 0)
        """The most bytes that training had allocated and reserved, evaluations left out."""
        self.windows: list[tuple[int, float]] = []
        self.curve: list[tuple[int, float, float]] = []
        self.span_s: list[float] = []

    def moved(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """On the device."""
        return tuple(t.to(self.device, non_blocking=True) for t in batch)  # type: ignore[return-value]

    def wait(self) -> None:
        """For the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def rehearse(self) -> None:
        """One pass that leaves no trace: what is compiled is compiled here, before the clock runs."""
        ids = torch.zeros(self.size.batch_size, self.size.seq_len, dtype=torch.int64, device=self.device)
        self.forward(ids, ids).backward()
        for p in self.model.parameters():
            p.grad = None
        self.wait()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def evaluate(self, step: int) -> None:
        """The validation loss, the clock stopped; its whole logits are no part of what training holds."""
        self.note_held()
        total, tokens = 0.0, 0
        with torch.inference_mode():
            for batch in self.validation:
                x_BT, y_BT = self.moved(batch)
                total += float(self.judge(x_BT, y_BT)) * y_BT.numel()
                tokens += y_BT.numel()
        self.curve.append((self.size.tokens(step), self.seconds, total / tokens))
        if self.device.type == "cuda":
            if not step:  # later it would cost the steps that follow
                torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def note_held(self) -> None:
        """Remember the allocator's peak, before an evaluation adds to it."""
        if self.device.type == "cuda":
            now = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
            self.held = max(self.held[0], now[0]), max(self.held[1], now[1])

    def train(
        self, recipe: Recipe, optimizers: list[torch.optim.Optimizer], before: Callable[[int], None]
    ) -> None:
        """All steps, in windows; the device is waited for at the end of each."""
        window, warm = max(1, recipe.steps // 40), warm_steps(recipe.steps)
        every = self.job["evaluate_every"]
        batches = (self.moved(self.loader.next()) for _ in itertools.count())
        self.evaluate(0)
        started, counted = time.perf_counter(), 0
        steps = train(self.model, optimizers, batches, recipe, forward=self.forward, before=before)
        for step, _ in enumerate(steps, 1):
            counted += 1
            judged = step == recipe.steps or (every and step % every == 0)
            if step == warm or counted == window or judged:
                self.wait()
                took = time.perf_counter() - started
                self.seconds += took
                if step > warm:
                    self.windows.append((counted, took / counted))
                if step == warm or step == recipe.steps:
                    self.span_s.append(time.time())
                if judged:
                    self.evaluate(step)
                started, counted = time.perf_counter(), 0

    def memory(self, optimizers: list[torch.optim.Optimizer]) -> dict[str, Any]:
        """What training holds at its peak: CUDA's own word for it, else counted tensor by tensor."""
        if self.device.type == "cuda":
            allocated, reserved = self.held
        saved = SavedTensors(self.model.parameters())
        with saved:
            loss = self.forward(*self.moved(self.loader.next()))
        loss.backward()
        parts = {
            "weights": sum(p.nbytes for p in self.model.parameters()),
            "gradients": sum(p.grad.nbytes for p in self.model.parameters() if p.grad is not None),
            "optimizer": sum(
                value.nbytes
                for optimizer in optimizers
                for state in optimizer.state.values()
                for value in state.values()
                if isinstance(value, Tensor)
            ),
        }
        if self.device.type == "cuda":
            activations = max(0, allocated - sum(parts.values()))
            return {**parts, "activations": activations, "allocated": allocated, "reserved": reserved}
        allocated = sum(parts.values()) + saved.peak_bytes
        return {**parts, "activations": saved.peak_bytes, "allocated": allocated, "reserved": None}


def recipe_of(steps: int, lr: float) -> Recipe:
    """The same for every row: a twentieth of warm-up, then down to a tenth."""
    return Recipe(steps=steps, lr=lr, min_lr=lr / 10, warmup_steps=steps // 20)


def run(job: Job) -> dict[str, Any]:
    """Train and measure."""
    size = SIZES[job["size"]]
    if size.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("no CUDA device here")
    if size.threads:
        torch.set_num_threads(size.threads)
    tuned = job["kind"] == "tune"
    peer = Peer(size, job, job["tune_dir"] if tuned else job["base_dir"], job["seed"])
    if tuned:
        peer.model.load_state_dict(base_weights(size, job))
    recipe = recipe_of(job["steps"], size.tune_lr if tuned else size.lr)
    optimizers = [adamw(peer.model, recipe)]
    if peer.options.get("muon"):
        optimizers = muon_and_adamw(peer.model, recipe, size.muon_lr)
    before: Callable[[int], None] = _nothing
    if how := peer.options.get("lisa"):
        before = Lisa(peer.model, optimizers[0], job["seed"], drop_states=how == "dropped")
    peer.rehearse()
    graphs = _graphs()
    peer.train(recipe, optimizers, before)
    recompiles = _graphs() - graphs if peer.options.get("compile") else None
    return {
        "steps": recipe.steps,
        "windows": peer.windows,
        "curve": peer.curve,
        "span_s": peer.span_s,
        "memory": peer.memory(optimizers),
        "work_omitted": 0.0,
        "recompiles": recompiles,
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name() if size.device == "cuda" else "cpu",
        "precision": "bf16" if peer.options.get("bf16") else "fp32",
        "head": "plain",
    }


def base_weights(size: Size, job: Job) -> dict[str, Tensor]:
    """A model trained by the plain loop on the first corpus, with seed 1; kept for the next row."""
    path = Path(job["base_weights"])
    if not path.is_file():
        first = {**job, "settings": {}, "evaluate_every": 0, "evaluate_tokens": size.seq_len}
        peer = Peer(size, first, job["base_dir"], 1)
        recipe = recipe_of(size.loss_steps, size.lr)
        peer.train(recipe, [adamw(peer.model, recipe)], _nothing)
        part = path.with_suffix(".part")
        torch.save(peer.model.state_dict(), part)
        part.replace(path)
    return torch.load(path, weights_only=True)


def _nothing(_step: int) -> None:
    """Done before each step where there is nothing to do."""


def _graphs() -> int:
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


if __name__ == "__main__":
    found = run(json.load(sys.stdin))
    Path(sys.argv[1]).write_text(json.dumps(found))
