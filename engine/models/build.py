"""From the profile to a model, its weights not yet drawn.

Called by `engine.train` and by whatever loads a checkpoint. It never touches a device or a generator: the
caller runs `init_weights` or loads tensors, then moves the model.
"""

from __future__ import annotations

from engine.errors import SlotdeckError
from engine.models.decoder import Decoder
from engine.models.slotted import SlottedModel
from engine.profile.derive import padded_vocab
from engine.profile.schema import Model


def build_model(config: Model, vocab_size: int, head_chunk: int = 1024) -> SlottedModel:
    """The model of a profile over a vocabulary of `vocab_size` ids.

    Args:
        config: the profile's `model` table.
        vocab_size: ids in the data.
        head_chunk: the profile's `train.head_chunk`, rows.

    Raises:
        SlotdeckError: the profile's sizes do not go together.
    """
    if config.n_embd % config.n_head:
        raise SlotdeckError(
            f"model.n_head = {config.n_head} does not divide model.n_embd = {config.n_embd}",
            "choose a width that is a multiple of the heads",
        )
    if config.vocab_size and config.vocab_size < vocab_size:
        raise SlotdeckError(
            f"model.vocab_size = {config.vocab_size}, and the data has {vocab_size} ids",
            "set it to 0 to take the data's, or prepare the data with this model's tokenizer",
        )
    return Decoder(
        n_layer=config.n_layer,
        n_head=config.n_head,
        n_embd=config.n_embd,
        seq_len=config.seq_len,
        vocab_size=vocab_size,
        padded_vocab_size=padded_vocab(config.vocab_size or vocab_size),
        dropout=config.dropout,
        bias=config.bias,
        gates=config.gates,
        head_chunk=head_chunk,
    )
