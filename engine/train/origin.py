"""What a run begins with when its profile names `model.init_from`: a folder of GPT-2's weights.

Called by `engine.train.build` for a run that has no checkpoint yet; later the folder is not looked at again.
"""

from __future__ import annotations

from pathlib import Path

from engine.checkpoint.manifest import checkpoint_folders
from engine.data.shards import Shards
from engine.errors import SlotdeckError
from engine.models.decoder import Decoder
from engine.models.hf import load_weights
from engine.models.slotted import SlottedModel
from engine.runlog.run_folder import CHECKPOINTS
from engine.tokenizer import bpe


def begin_with(model: SlottedModel, init_from: str, run_dir: Path, shards: Shards) -> str:
    """Load the weights that the profile names, unless the run has a past of its own.

    Args:
        model: its weights drawn; on the CPU.
        init_from: of the profile; empty: nothing is done.
        shards: of the training data, whose ids the weights must mean.

    Returns:
        What was taken, as a line for the log; empty if nothing was.

    Raises:
        SlotdeckError: the folder does not fit the model or the data.
    """
    if not init_from or checkpoint_folders(run_dir / CHECKPOINTS):
        return ""
    assert isinstance(model, Decoder), "the profile knows no other family"
    folder = Path(init_from)
    try:
        ids = _compare_ids(folder, shards)
        return f"begun with the weights in {folder}: {load_weights(model, folder)}; {ids}"
    except PermissionError as error:
        raise SlotdeckError(
            f"model.init_from {folder} cannot be read: {error.strerror}", "check its permissions"
        ) from None


def _compare_ids(folder: Path, shards: Shards) -> str:
    """Hold the folder's tokenizer, if it has one, against the data's vocabulary."""
    if not bpe.has_tokenizer(folder):
        return "it has no tokenizer, so it was not checked that the data's ids mean the same"
    if shards.headerless:
        return "the data does not name its vocabulary, so it was not checked that its ids mean the same"
    if bpe.load(folder).vocab_hash != shards.vocab_hash:
        raise SlotdeckError(
            f"model.init_from {folder}: its tokenizer is not the one that {shards.data_dir} was prepared with",
            f"prepare the data with it: slotdeck prepare INPUT --out DIR --tokenizer {folder}",
        )
    return "its tokenizer is the data's"
