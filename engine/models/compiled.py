"""One compiled block for all slots, and a closed table of what it was compiled for.

`torch.compile(fullgraph=True, dynamic=False)` of one function that calls whichever slot it is given. Blocks
differ in their weights only, and those are inputs of the graph: 12 blocks are 1 graph, whatever the plan. A graph
of its own is made for each

    number of sequences     what the duties give of this micro-batch, so a closed set
    compute type            the run's, and those that slots were given for themselves
    trained or not          a frozen block saves less and computes fewer gradients
    learning or judging     evaluation runs in eval mode and without gradients

and for nothing else. Recomputation is not in the table: `torch.utils.checkpoint` around the compiled block runs the
same graph twice (dropout included: the generator is put back first). Learning rates, plans and holds are outside.

The table is compiled before the first step, and again where the operator changes precision or micro-batch; whatever
is not in it runs eagerly instead of being compiled on the way. So a sample, whose text grows by a token at a time,
never compiles. A graph that torch makes outside `warm` all the same is counted in `recompiles`: torch also guards
things that no variant holds, the number of threads among them, so threads are settled before `warm`.

The compiler's files go where torch puts them, a folder of the user's own (`TORCHINDUCTOR_CACHE_DIR`), and a second
run finds them there. A compiled block rounds differently from an eager one; the same block compiled again gives the
same bits, so a checkpoint only has to know whether the run was compiled.

Used by `engine.train`. It draws nothing from the generators and touches no gradient, weight or state.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from engine.models import toolchain
from engine.models.slotted import Gone, SlotCall, SlottedModel, frozen_unless
from engine.precision.device import is_out_of_memory
from engine.precision.policy import name_of
from engine.text import one_line

LIMIT = 64
"""Graphs of one function that dynamo keeps; beyond it a full graph is an error. Its default is 8."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of call that a graph is made for."""

    sequences: int
    seq_len: int
    dtype: torch.dtype
    trained: bool = True
    learning: bool = True
    """False: in eval mode, within `torch.inference_mode`."""

    def describe(self) -> str:
        """`bf16 8 x 1024`, and what is unusual about it."""
        kind = "" if self.learning and self.trained else " frozen" if self.learning else " evaluation"
        return f"{name_of(self.dtype)} {self.sequences} x {self.seq_len}{kind}"


def variants(
    counts: Iterable[int], seq_len: int, dtypes: Iterable[torch.dtype], evaluated: Iterable[int] = ()
) -> list[Variant]:
    """The table for a run's settings, what every step needs first.

    Args:
        counts: numbers of sequences that a slot can be given, `engine.slots.duty.passing_counts`.
        seq_len: tokens of a sequence.
        dtypes: the run's compute type first, then those that single slots have.
        evaluated: sizes of the evaluation's batches; it computes in the run's type, all slots on.
    """
    sizes, types = sorted(set(counts), reverse=True), list(dict.fromkeys(dtypes))
    learned = [Variant(n, seq_len, t, trained) for trained in (True, False) for t in types for n in sizes]
    judged = [Variant(n, seq_len, types[0], learning=False) for n in sorted(set(evaluated), reverse=True)]
    return learned[:1] + judged + learned[1:]


@dataclass(frozen=True, slots=True)
class Warmed:
    """What a warm-up did."""

    compiled: int
    """Variants that were new."""
    seconds: float


class Compilation:
    """The compiled block of one model: the model calls it in place of each slot."""

    def __init__(
        self,
        model: SlottedModel,
        backend: str = "inductor",
        say: Callable[[str], None] = lambda _: None,
        why_off: str = "",
    ) -> None:
        self.why_off = why_off
        """Why blocks run eagerly; empty while they are compiled."""
        self.graphs = 0
        """Graphs made, those counted in `recompiles` too."""
        self.recompiles = 0
        """Graphs made outside `warm`: none, or something is wrong."""
        self.seconds_each = 0.0
        """What a variant took to compile, in the newest warm-up."""
        self._model, self._backend, self._say = model, backend, say
        self._ready: set[Variant] = set()
        self._no_room: set[Variant] = set()
        self._missed: set[Variant] = set()
        self._warming = False
        self._block: SlotCall = _run_block if why_off else self._fresh_block()

    @property
    def on(self) -> bool:
        """Whether blocks run compiled."""
        return not self.why_off

    def describe(self) -> str:
        """In a line, for the log."""
        if not self.on:
            return f"blocks run eagerly: {self.why_off}"
        slots = len(self._model.remaining)
        return f"{slots} blocks share {self.graphs} compiled graphs, {self.recompiles} made while training"

    def missing(self, wanted: Sequence[Variant]) -> list[Variant]:
        """Those of `wanted` that would have to be compiled now."""
        passed_over = self._ready | self._no_room
        return [variant for variant in wanted if variant not in passed_over] if self.on else []

    # -- before the first step, and when a setting changes -------------------------------------------------

    def warm(
        self,
        wanted: Sequence[Variant],
        told: Callable[[int, int, str], None] = lambda *_: None,
        hurry: Callable[[], bool] = lambda: False,
    ) -> Warmed:
        """Compile what is missing of `wanted`, between two steps. A failure turns compiling off and is said once.

        Args:
            wanted: every variant that the run's settings can ask for, see `variants`.
            told: called with (done, total, the variant at work), once more at the end.
            hurry: looked at between variants; true leaves the rest to run eagerly.
        """
        new, begun = self.missing(wanted), time.perf_counter()
        if len(self._ready) + len(new) > LIMIT:
            self._ready.clear()
            self._block, new = self._fresh_block(), self.missing(wanted)
        done = 0
        for variant in new:
            if hurry():
                break
            told(done, len(new), variant.describe())
            try:
                self._rehearse(variant)
            except Exception as error:
                if is_out_of_memory(error):  # the step will say whether it fits, and is cut if it does not
                    self._no_room.add(variant)
                    self._tell_missed(variant)
                    continue
                if not _is_of_compiling(error):
                    raise
                self._give_up(variant, error)
                break
            self._ready.add(variant)
            done += 1
        if new:
            told(len(new), len(new), "")
        seconds = time.perf_counter() - begun
        if done:
            self.seconds_each = seconds / done
        return Warmed(done, seconds)

    def _rehearse(self, variant: Variant) -> None:
        """Run every slot once, forward and backward, on zeros: each is given the chance to need its own graph."""
        slots, device = self._model.slots(), self._model.head_weight().device
        slots = [slot for slot in slots if not isinstance(slot, Gone)]
        was_training, self._warming = self._model.training, True
        try:
            self._model.train(variant.learning)
            with _generators_kept(device), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's words about its own tracing: nobody could mend it
                for slot in slots:
                    self._rehearse_slot(slot, variant, device)
        finally:
            self._model.train(was_training)
            self._warming = False

    def _rehearse_slot(self, slot: nn.Module, variant: Variant, device: torch.device) -> None:
        width = self._model.head_weight().shape[1]
        shape = (variant.sequences, variant.seq_len, width)
        if not variant.learning:
            with torch.inference_mode():
                self._block(slot, torch.zeros(shape, device=device), variant.dtype)
            return
        leaf_BTD = torch.zeros(shape, device=device, requires_grad=True)
        with frozen_unless(variant.trained, slot):
            x_BTD = self._block(slot, leaf_BTD.clone(), variant.dtype)  # the stream is never a leaf
            inputs = [leaf_BTD, *(p for p in slot.parameters() if p.requires_grad)]
        # Not `backward`: it would leave gradients behind, and call the hooks of an optimizer that waits for them.
        torch.autograd.grad(x_BTD, inputs, torch.zeros_like(x_BTD))

    # -- in a step -----------------------------------------------------------------------------------------

    def __call__(self, slot: nn.Module, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        """Run `slot`, compiled if its kind of call is in the table."""
        if self.why_off:
            return slot(x_BTD, dtype)
        variant = _variant_of(slot, x_BTD, dtype)
        if variant not in self._ready:
            if variant is not None and variant.learning and self._ready:
                self._tell_missed(variant)
            return slot(x_BTD, dtype)
        try:
            return self._block(slot, x_BTD, dtype)
        except Exception as error:
            if not _is_of_compiling(error):
                raise
            self._give_up(variant, error)
            return slot(x_BTD, dtype)

    def _tell_missed(self, variant: Variant) -> None:
        if variant not in self._missed:
            self._missed.add(variant)
            self._say(f"{variant.describe()} was not compiled beforehand: such blocks run eagerly")

    def _give_up(self, variant: Variant, error: Exception) -> None:
        self.why_off = f"compiling {variant.describe()} failed: {one_line(str(error), 200)}"
        self._say(self.describe())

    # -- the compiled function -----------------------------------------------------------------------------

    def _fresh_block(self) -> SlotCall:
        """The function to compile, with a code object of its own: dynamo keeps its graphs there."""
        fresh = FunctionType(_run_block.__code__.replace(), _run_block.__globals__, _run_block.__name__)
        compiled: SlotCall = torch.compile(fresh, fullgraph=True, dynamic=False, backend=self._counted)
        return compiled

    def _counted(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        """The backend, counting what it is given."""
        self.graphs += 1
        if not self._warming:
            self.recompiles += 1
        from torch._dynamo import lookup_backend

        return lookup_backend(self._backend)(graph, inputs)


def compile_blocks(
    model: SlottedModel,
    *,
    backend: str = "inductor",
    say: Callable[[str], None] = lambda _: None,
) -> Compilation:
    """Let `model` run its slots through one compiled block; nothing is compiled before `warm`.

    Args:
        model: on its device.
        backend: `inductor`, or one that generates no code (`aot_eager`) to look at graphs only.
        say: told in one line when blocks have to run eagerly after all.
    """
    device_type = model.head_weight().device.type
    lacking = toolchain.missing(device_type) if backend == "inductor" else ""
    compilation = Compilation(model, backend, say, lacking)
    if lacking:
        return compilation
    from torch._dynamo import config  # seconds to import, so only where something is compiled

    config.recompile_limit = max(config.recompile_limit, LIMIT)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, 16 * LIMIT)
    model.compiled = compilation
    return compilation


def _is_of_compiling(error: Exception) -> bool:
    """Whether running the block eagerly may help: what dynamo, inductor, triton and a C compiler raise."""
    from torch._dynamo.exc import FailOnRecompileLimitHit

    if is_out_of_memory(error):
        return False
    return isinstance(error, (RuntimeError, FailOnRecompileLimitHit, NotImplementedError, OSError))


def _run_block(slot: nn.Module, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
    return slot(x_BTD, dtype)


def _variant_of(slot: nn.Module, x_BTD: Tensor, dtype: torch.dtype) -> Variant | None:
    """What kind of call this is; None: one that is never compiled."""
    sequences, seq_len, _ = x_BTD.shape
    if torch.is_inference_mode_enabled():
        return None if slot.training else Variant(sequences, seq_len, dtype, learning=False)
    if not (slot.training and x_BTD.requires_grad and torch.is_grad_enabled()):
        return None
    return Variant(sequences, seq_len, dtype, trained=next(slot.parameters()).requires_grad)


@contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """Dropout may draw within it; afterwards the generators stand where they stood."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
