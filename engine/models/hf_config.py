"""`config.json` of a GPT-2 folder: what it says, and what of it our decoder cannot be.

Read by `engine.models.hf` before any tensor is looked at, and written by the export. Keys that change nothing
in the weights' meaning (dropouts, task settings, versions) are not read: they belong to the profile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SlotdeckError
from engine.models.layers import LayerNorm
from engine.text import one_line

NAME = "config.json"
MODEL_TYPE = "gpt2"
ACTIVATION = "gelu_new"
"""GELU by tanh, as GPT-2 has it and as our blocks compute it."""


class GPT2Config(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that decide what the weights mean; an absent one has the value that `transformers` gives it."""

    model_type: str = ""
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    n_positions: int = 1024
    vocab_size: int = 50257
    n_inner: int | None = None
    activation_function: str = ACTIVATION
    layer_norm_epsilon: float = LayerNorm.EPS
    tie_word_embeddings: bool = True
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    add_cross_attention: bool = False
    quantization_config: dict[str, Any] | None = None

    def inexpressible(self) -> list[str]:
        """Every setting that the decoder cannot follow, with what it can."""
        wanted: dict[str, tuple[object, ...]] = {
            "model_type": (MODEL_TYPE,),
            "activation_function": (ACTIVATION,),
            "layer_norm_epsilon": (LayerNorm.EPS,),
            "n_inner": (None, 4 * self.n_embd),
            "tie_word_embeddings": (True,),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
            "quantization_config": (None,),
        }
        return [
            f"{key} = {_shown(value)} (only {' or '.join(map(_shown, fitting))})"
            for key, fitting in wanted.items()
            if (value := getattr(self, key)) not in fitting
        ]


def read(folder: Path) -> GPT2Config:
    """The config of a folder whose weights our decoder can hold, sizes aside.

    Raises:
        SlotdeckError: there is none, it is not one, or it asks for what the decoder is not, each setting named.
    """
    path = folder / NAME
    try:
        config = msgspec.json.decode(path.read_bytes(), type=GPT2Config)
    except FileNotFoundError:
        raise SlotdeckError(
            f"{folder} has no {NAME}", "copy it there: it says how many heads it has"
        ) from None
    except OSError as error:
        raise SlotdeckError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SlotdeckError(
            f"{path} cannot be read: {one_line(str(error), 200)}", "copy it again from its source"
        ) from None
    if odd := config.inexpressible():
        raise SlotdeckError(
            f"{path}: the decoder cannot be this model: {', '.join(odd)}", "take weights of GPT-2's own kind"
        )
    return config


def to_json(
    *,
    n_layer: int,
    n_head: int,
    n_embd: int,
    n_positions: int,
    vocab_size: int,
    eot_id: int | None,
    dtype: str,
) -> bytes:
    """The text of a `config.json` that `transformers` builds the same model from.

    Args:
        eot_id: of the tokenizer; None where there is none at hand.
        dtype: of the tensors, by torch's name.
    """
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": MODEL_TYPE,
        "n_layer": n_layer,
        "n_head": n_head,
        "n_embd": n_embd,
        "n_positions": n_positions,
        "n_ctx": n_positions,
        "n_inner": None,
        "vocab_size": vocab_size,
        "activation_function": ACTIVATION,
        "layer_norm_epsilon": LayerNorm.EPS,
        "tie_word_embeddings": True,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": eot_id,
        "eos_token_id": eot_id,
        "dtype": dtype,
        "torch_dtype": dtype,
    }
    return msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "{...}"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return one_line(str(value), 60)
