"""A call of a foreign block: where its stream is, what goes with each sequence, and what it returns.

The **stream** is the first tensor that a block is given, and the first that it returns: a tensor by itself, or
the head of a tuple or list. Used by `engine.slots.library.binding`; pure, but that it remembers which arguments
have a row for each sequence.

Shapes: B sequences of the batch, S of them pass, T positions, D width; the stream is `(B, T, D)`, `(B, D, H, W)`
or whatever the model makes it, `(T, B, D)` where `batch_dim` is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.errors import SlotdeckError

_KNOWN = {"src_mask": "shared", "tgt_mask": "shared", "attn_mask": "shared", "memory_mask": "shared"}
"""torch's own names for masks by position; `(T, T)`."""


def stream_in(args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str) -> Tensor:
    """The stream that a block was called with.

    Raises:
        SlotdeckError: it was given no tensor.
    """
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            return value
    raise SlotdeckError(f"{name} was called without a tensor", "a slot takes the stream as a tensor")


def stream_out(out: Any, name: str) -> Tensor:
    """The stream that a block returned.

    Raises:
        SlotdeckError: there is none where it should be.
    """
    head = out[0] if isinstance(out, tuple | list) and out else out
    if isinstance(head, Tensor):
        return head
    raise SlotdeckError(
        f"{name} returns a {type(out).__name__}", "a slot returns a tensor, or a tuple that begins with one"
    )


def with_stream(out: Any, stream: Tensor) -> Any:
    """What a block returned, with another stream in its place."""
    if isinstance(out, Tensor):
        return stream
    return _like(out, [stream, *out[1:]])


def gone_by(shape_of: Any, stream: Tensor) -> Any:
    """What a block that is skipped returns: its structure, the stream as it came, None for everything else."""
    return stream if shape_of is None else _like(shape_of, [stream, *shape_of[1:]])


def structure(out: Any) -> Any:
    """What `gone_by` needs to know of a block's result: None for a tensor, else the like of it without tensors."""
    return None if isinstance(out, Tensor) else _like(out, [None] * len(out))


class Arguments:
    """Which arguments of the blocks have a row for each sequence."""

    def __init__(self, batch_dim: int, said: Mapping[str, str]) -> None:
        self._dim = batch_dim
        self._known: dict[str, str] = {**_KNOWN, **said}

    def gather(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], names: list[str], subset: Tensor, name: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for the sequences that pass.

        Args:
            args, kwargs: as the block was called.
            names: of its positional arguments.
            subset: `(S,)` int64, the sequences that pass.
            name: the block's, for errors.

        Raises:
            SlotdeckError: it cannot be told whether an argument has a row for each sequence.
        """
        stream = stream_in(args, kwargs, name)
        named = [(names[i] if i < len(names) else f"arg{i}", value) for i, value in enumerate(args)]
        gathered = tuple(self._of(value, stream, key, subset, name) for key, value in named)
        return gathered, {key: self._of(value, stream, key, subset, name) for key, value in kwargs.items()}

    def _of(self, value: Any, stream: Tensor, key: str, subset: Tensor, name: str) -> Any:
        if isinstance(value, Tensor):
            dim = self._dim if value is stream else self._dim_of(value, stream, key, name)
            if dim is not None:
                return value.index_select(dim, subset)
            return self._by_head(value, stream, subset)
        if isinstance(value, tuple | list):
            return _like(value, [self._of(v, stream, key, subset, name) for v in value])
        if type(value) is dict:
            return {k: self._of(v, stream, f"{key}.{k}", subset, name) for k, v in value.items()}
        return value

    def _dim_of(self, t: Tensor, stream: Tensor, key: str, name: str) -> int | None:
        """The dimension of `t` that counts sequences; None: it has none."""
        batch_size = stream.shape[self._dim]
        # Key masks are (B, T) even where the stream is (T, B, D).
        fits = [d for d in dict.fromkeys((self._dim, 0)) if d < t.ndim and t.shape[d] == batch_size]
        known = self._known.get(key)
        if not fits or known == "shared":
            return None
        by_key = 0 if "key_padding" in key and 0 in fits else fits[0]
        chance = [size for d, size in enumerate(stream.shape) if d != self._dim and size == batch_size]
        if known == "sequence" or t.ndim >= 3:
            return by_key
        if not chance:
            self._known[key] = "sequence"
            return by_key
        if "key_padding" in key or key == "attention_mask":
            return by_key
        raise SlotdeckError(
            f"{name}: argument {key!r} of shape {tuple(t.shape)} may be by sequence or by position: both are "
            f"{batch_size}",
            f"say which in config, as args={{{key!r}: 'sequence'}} or 'shared'",
        )

    def _by_head(self, t: Tensor, stream: Tensor, subset: Tensor) -> Tensor:
        """torch's attention masks of shape `(B * heads, T, T)`: the rows of the sequences that pass."""
        batch_size = stream.shape[self._dim]
        square = t.ndim == 3 and t.shape[1] == t.shape[2]
        if not square or t.shape[0] <= batch_size or t.shape[0] % batch_size:
            return t
        heads = t.shape[0] // batch_size
        rows = subset[:, None] * heads + torch.arange(heads, device=subset.device)
        return t.index_select(0, rows.flatten())


def _like(value: Any, members: list[Any]) -> Any:
    """A tuple, named tuple or list like `value`, with other members."""
    return type(value)._make(members) if hasattr(value, "_make") else type(value)(members)
