"""Numbers that follow from a profile, so that everyone who shows one shows the same.

Called by the checks, the launch screen and the engine. The parameter count is the decoder's formula; the
engine reports the built model's own count, and a test holds the two equal.
"""

from __future__ import annotations

from engine.profile.schema import Model, Profile

VOCAB_MULTIPLE = 64
"""The head's rows are a multiple of it: whole tiles for the matmul kernels. A published A100 ladder went
from 96 to 93 ms a step by it."""


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
