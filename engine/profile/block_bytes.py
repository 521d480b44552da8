"""What one block holds while it trains, byte by byte, from the layouts that the engine uses.

Called by `engine.profile.levers` and `engine.profile.forecast`; tests hold each figure equal to what a real run and
real tensors say. The decoder's block: four matrices of 12 d^2 values together, biases and norms beside them, `d` the
model's width.
"""

from __future__ import annotations

from engine.profile.schema import Model

SCALED = 256
"""Values that share a scale in 8-bit states."""
SMALLEST = 4096
"""A matrix of fewer values keeps fp32 states."""
CODES = 256
"""Entries of the table that says what the 8-bit codes mean, one for each of the two means."""
NARROW = ("bf16", "fp16", "fp8")
"""Compute types that keep 2 bytes a value for backward."""
COUNTER = 4
"""The number of updates, fp32, beside each tensor's states."""


def matrices(model: Model) -> tuple[int, ...]:
    """Values of each matrix: queries, keys and values in one, the attention's output, the two of the MLP."""
    d = model.n_embd
    return 3 * d * d, d * d, 4 * d * d, 4 * d * d


def matrix_values(model: Model) -> int:
    """Values of all of them: 12 d^2."""
    return sum(matrices(model))


def small_tensors(model: Model) -> tuple[int, ...]:
    """Values of each tensor beside the matrices: norms, biases, the gate."""
    d = model.n_embd
    norms = (d, d, d, d) if model.bias else (d, d)
    biases = (3 * d, d, 4 * d, d) if model.bias else ()
    return (*norms, *biases, *((1,) if model.gates else ()))


def weight_bytes(model: Model, weights: str) -> int:
    """Of a block whose matrices are kept in `weights`, `fp32` or `bf16`. Its gradients are as large."""
    return matrix_values(model) * (2 if weights == "bf16" else 4) + 4 * sum(small_tensors(model))


def state_bytes(model: Model, rule: str) -> int:
    """Optimizer states of a block that has been updated, by `optim.name`."""
    small = sum(_adamw(values) for values in small_tensors(model))
    return small + sum(_RULES[rule](values) for values in matrices(model))


def activation_bytes(model: Model, tokens: int, precision: str, weights: str = "fp32") -> int:
    """What autograd keeps of a block for backward, for so many tokens through it.

    For each token: the inputs of the two norms in fp32 (2 d), 14 d values in the compute type (both norms' results,
    queries, keys and values, the attention's result, the MLP before and after GELU), and in fp32 the means and
    deviations of the norms and a sum for each head. Beside them the matrices, cast, where the compute type is not
    the one they are kept in. The count of Korthikanti et al. 2022, "Reducing Activation Recomputation", with an
    attention that keeps no scores and without dropout's masks.
    """
    d, value = model.n_embd, 2 if precision in NARROW else 4
    cast = 2 * matrix_values(model) if value == 2 and weights == "fp32" else 0
    return tokens * (8 * d + 14 * value * d + 4 * (4 + model.n_head)) + cast


def input_bytes(model: Model, tokens: int) -> int:
    """The stream as it comes into a block: all that a recomputed one keeps."""
    return 4 * tokens * model.n_embd


def activations_held(blocks: float, again: float, whole: int, inputs: int) -> int:
    """What blocks keep for backward at a step's worst moment.

    Args:
        blocks: at work.
        again: how many of them compute their activations again, one at a time.
        whole: `activation_bytes` of one.
        inputs: `input_bytes` of one.
    """
    if again <= 1:
        return int(blocks * whole)
    return int((blocks - again + 1) * whole + (again - 1) * inputs)


def _adamw(values: int) -> int:
    return 8 * values + COUNTER


def _adamw8bit(values: int) -> int:
    if values < SMALLEST or values % SCALED:
        return _adamw(values)
    return 2 * (values + 4 * (values // SCALED) + 4 * CODES) + COUNTER


def _muon(values: int) -> int:
    return 4 * values


_RULES = {"adamw": _adamw, "adamw8bit": _adamw8bit, "muon": _muon}
