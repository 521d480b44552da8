"""What a profile will take, before anything is built: memory by purpose, and the disk for a checkpoint.

Called by the launch screen, and by the engine before it builds. Weights, gradients and states follow from layouts;
activations are an estimate for a step in which every slot works on every sequence, computed in the precision that the
profile names (`auto` counts as fp32).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.profile import block_bytes as block
from engine.profile.derive import padded_vocab, stem_params, train_seq_len
from engine.profile.schema import Profile


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes."""

    kept: int
    """Weights and optimizer states: what a checkpoint holds too."""
    gradients: int
    activations: int

    @property
    def least(self) -> int:
        """What must fit beside any activation, however small the micro-batch."""
        return self.kept + self.gradients

    @property
    def total(self) -> int:
        """At a step's worst moment, about."""
        return self.least + self.activations


def forecast(profile: Profile, vocab_size: int) -> Forecast:
    """What training fills.

    Args:
        profile: with `batch = auto` the micro-batch is the one that is given, from which the search begins.
        vocab_size: of the data; used when the profile leaves it to the data.
    """
    model = profile.model
    stem = stem_params(model, vocab_size)
    slot = block.weight_bytes(model, profile.precision.weights)
    kept = model.n_layer * (slot + block.state_bytes(model, profile.optim.name)) + 12 * stem
    held = min(2, model.n_layer) if profile.train.lean else model.n_layer
    gradients = held * slot + 4 * stem
    return Forecast(kept, gradients, _activations(profile) + _head(profile, vocab_size))


def _activations(profile: Profile) -> int:
    """Of the blocks."""
    model = profile.model
    tokens = profile.train.batch_size * train_seq_len(profile)
    whole = block.activation_bytes(model, tokens, profile.precision.compute, profile.precision.weights)
    again = min(profile.train.recompute, model.n_layer)
    return block.activations_held(model.n_layer, again, whole, block.input_bytes(model, tokens))


def _head(profile: Profile, vocab_size: int) -> int:
    """The logits of a chunk of rows and their gradient, fp32."""
    rows = profile.train.batch_size * train_seq_len(profile)
    chunk = min(rows, profile.train.head_chunk or rows)
    return 8 * chunk * (profile.model.vocab_size or padded_vocab(vocab_size))
