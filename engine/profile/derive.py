"""Numbers that follow from a profile, so that everyone who shows one shows the same.

Called by the checks, the launch screen and the engine. The parameter count is the decoder's formula; the
engine reports the built model's own count, and a test holds the two equal.
"""

from __future__ import annotations

from engine.profile.schema import Model, Profile

VOCAB_MULTIPLE = 64
"""Matmuls like even sizes: the vocabulary is rounded up to this."""

STATE_BYTES = {"adamw": 8.0, "adamw8bit": 2 * (1 + 4 / 256), "muon": 4.0}
"""Of each value of a block's matrix, by `optim.name`; 8 bits come with a scale for every 256 values."""


def train_seq_len(profile: Profile) -> int:
    """Tokens in a training sequence."""
    return profile.data.seq_len or profile.model.seq_len


def tokens_per_step(profile: Profile) -> int:
    """Tokens an optimizer step trains on."""
    return profile.train.batch_size * profile.train.accumulate * train_seq_len(profile)


def total_tokens(profile: Profile) -> int:
    """Tokens the whole run trains on."""
    return profile.train.steps * tokens_per_step(profile)


def padded_vocab(vocab_size: int) -> int:
    """A vocabulary's size rounded up to a multiple of 64."""
    return -(-vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE


def slot_params(model: Model) -> int:
    """Parameters of one block: attention 4 d^2, MLP 8 d^2, two norms; biases 9 d and 2 d; a gate."""
    d = model.n_embd
    return 12 * d * d + 2 * d + (11 * d if model.bias else 0) + model.gates


def stem_params(model: Model, vocab_size: int) -> int:
    """Parameters outside the blocks: token and position embeddings, the last norm; the head is tied.

    Args:
        model: the profile's.
        vocab_size: of the data; used, rounded up, when the profile leaves it to the data.
    """
    d = model.n_embd
    vocab = model.vocab_size or padded_vocab(vocab_size)
    return (vocab + model.seq_len) * d + (2 * d if model.bias else d)


def num_params(model: Model, vocab_size: int) -> int:
    """All parameters, tied ones once."""
    return model.n_layer * slot_params(model) + stem_params(model, vocab_size)


def training_bytes(profile: Profile, vocab_size: int) -> int:
    """Weights, gradients and optimizer states: what must fit beside the activations.

    The matrices of blocks, 12 d^2 values each, are kept in the type and by the rule that the profile names, all else
    in fp32 with AdamW's two means. In lean mode the gradients of the stem and of two blocks are there at a time.
    """
    model = profile.model
    matrices = 12 * model.n_embd**2
    rest = slot_params(model) - matrices
    stem = stem_params(model, vocab_size)
    slot_weights = matrices * (2 if profile.precision.weights == "bf16" else 4) + 4 * rest
    slot_states = int(matrices * STATE_BYTES[profile.optim.name]) + 8 * rest
    blocks_with_gradients = min(2, model.n_layer) if profile.train.lean else model.n_layer
    gradients = blocks_with_gradients * slot_weights + 4 * stem
    return model.n_layer * (slot_weights + slot_states) + gradients + 12 * stem
