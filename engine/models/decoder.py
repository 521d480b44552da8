"""The decoder family: GPT-2's shape, each block a slot.

Pre-norm blocks of causal attention and a GELU MLP, learned positions, a final norm, and a head that shares
the token embedding's weight. Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
and the code released with it.

    stem      wte (V, D)  wpe (T, D)  norm_final
    block.i   norm_attention  qkv (D -> 3D)     attention_out (D -> D)
              norm_mlp        mlp_in (D -> 4D)  mlp_out (4D -> D)
              gate ()         only with `gates`: a learnable factor on what the block adds, begun at 1

    x = x + gate * attention(norm_attention(x))        at gate 0 the block is the identity, and any gate
    x = x + gate * mlp(norm_mlp(x))                    folds into attention_out and mlp_out: `Block.folded`

With every slot on, in fp32, it computes bit for bit what the textbook writes down; a test holds it to that.

Shapes: B sequences, T positions, D model width, H heads, C width of a head (D / H).
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.layers import LayerNorm, Linear, embedding
from engine.models.slotted import SlottedModel


class Block(nn.Module):
    """One slot: attention, then the MLP, each added to the stream, times the gate if it has one."""

    def __init__(self, n_embd: int, n_head: int, dropout: float, bias: bool, *, gated: bool = False) -> None:
        super().__init__()
        self.n_head = n_head
        self.dropout = dropout
        self.norm_attention = LayerNorm(n_embd, bias)
        self.qkv = Linear(n_embd, 3 * n_embd, bias, stacked=3)
        self.attention_out = Linear(n_embd, n_embd, bias)
        self.norm_mlp = LayerNorm(n_embd, bias)
        self.mlp_in = Linear(n_embd, 4 * n_embd, bias)
        self.mlp_out = Linear(4 * n_embd, n_embd, bias)
        self.gate = nn.Parameter(torch.ones(())) if gated else None

    def forward(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        """The stream after the block: fp32 in, fp32 out, matmuls in `dtype`."""
        x_BTD = x_BTD + self._gated(self._attend(x_BTD, dtype))
        return x_BTD + self._gated(self._transform(x_BTD, dtype))

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """The block's tensors by name with the gate multiplied into what it scales: GPT-2's own, no `gate`.

        Exact but for rounding: a gate scales the result of two linears, so it may as well scale their weights
        and biases. Without a gate they are the block's very own tensors.
        """
        gate, tensors = self.gate, {n: p.detach() for n, p in self.named_parameters() if n != "gate"}
        if gate is None:
            return tensors
        scaled = {n: t * gate for n, t in tensors.items() if n.split(".")[0] in ("attention_out", "mlp_out")}
        return tensors | scaled

    def _gated(self, added: Tensor) -> Tensor:
        return added if self.gate is None else self.gate * added

    def _attend(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        B, T, D = x_BTD.shape
        qkv_BTE = self.qkv(self.norm_attention(x_BTD, dtype), dtype)
        # Views only: the attention kernels take strided heads, and write (B, T, H, C) so the way back is
        # a view too.
        q_BHTC, k_BHTC, v_BHTC = (
            part_BTD.view(B, T, self.n_head, D // self.n_head).transpose(1, 2)
            for part_BTD in qkv_BTE.split(D, dim=2)
        )
        y_BHTC = F.scaled_dot_product_attention(
            q_BHTC, k_BHTC, v_BHTC, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        return self._drop(self.attention_out(y_BHTC.transpose(1, 2).reshape(B, T, D), dtype))

    def _transform(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        hidden_BTF = F.gelu(self.mlp_in(self.norm_mlp(x_BTD, dtype), dtype), approximate="tanh")
        return self._drop(self.mlp_out(hidden_BTF, dtype))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class Decoder(SlottedModel):
    """GPT-2's shape. Built by `engine.models.build_model`."""

    family = "decoder"

    def __init__(
        self,
        *,
        n_layer: int,
        n_head: int,
        n_embd: int,
        seq_len: int,
        vocab_size: int,
        padded_vocab_size: int,
        dropout: float = 0.0,
        bias: bool = True,
        gates: bool = False,
        head_chunk: int = 1024,
    ) -> None:
        super().__init__()
        assert n_embd % n_head == 0, f"{n_head} heads do not divide a width of {n_embd}"
        assert padded_vocab_size >= vocab_size, "padding only adds ids"
        self.seq_len = seq_len
        self.vocab_size = vocab_size
        self.head_chunk = head_chunk
        self.dropout = dropout
        self.wte = embedding(padded_vocab_size, n_embd)
        self.wpe = embedding(seq_len, n_embd)
        self.blocks = nn.ModuleList(Block(n_embd, n_head, dropout, bias, gated=gates) for _ in range(n_layer))
        self.norm_final = LayerNorm(n_embd, bias)
        self.check_partition()

    @property
    def slot_names(self) -> list[str]:
        """`block.0`, `block.1`, ..."""
        return [f"block.{i}" for i in range(len(self.blocks))]

    def slots(self) -> list[nn.Module]:
        """The blocks, first to last."""
        return list(self.blocks)

    def put_slot(self, slot: int, module: nn.Module) -> None:
        """Another module in a block's place."""
        self.blocks[slot] = module

    def stem(self) -> list[nn.Module]:
        """Embeddings and final norm; the head is the token embedding again."""
        return [self.wte, self.wpe, self.norm_final]

    def init_weights(self, generator: torch.Generator) -> None:
        """GPT-2's start, drawn in the order of the table.

        parameter                           start
        ---------------------------------   ------------------------------------------------
        wte, wpe                            normal, 0.02
        qkv, mlp_in                         normal, 0.02
        attention_out, mlp_out              normal, 0.02 / sqrt(2 n_layer): they add to the stream, 2 a block
        biases                              0
        norm weights, norm biases           1, 0
        gates                               1

        `generator` is the CPU's, so a seed means the same model on every device.
        """
        std = 0.02
        into_stream = std / math.sqrt(2 * len(self.blocks))
        with torch.no_grad():
            for table in (self.wte, self.wpe):
                _draw(table.weight, std, generator)
            for module in self.blocks:
                block = cast(Block, module)
                for linear in (block.qkv, block.mlp_in):
                    _draw(linear.weight, std, generator)
                for linear in (block.attention_out, block.mlp_out):
                    _draw(linear.weight, into_stream, generator)
            for module in self.modules():
                if isinstance(module, LayerNorm):
                    module.weight.fill_(1.0)
                if isinstance(module, (LayerNorm, Linear)) and module.bias is not None:
                    module.bias.zero_()
            for gate in self.gates():
                gate.fill_(1.0)

    def embed(self, x_BT: Tensor) -> Tensor:
        """Token and position embeddings summed: `(B, T, D)` fp32."""
        T = x_BT.shape[1]
        assert self.seq_len >= T, f"{T} tokens, and the model knows {self.seq_len} positions"
        x_BTD = self.wte(x_BT) + self.wpe.weight[:T]
        return F.dropout(x_BTD, self.dropout, self.training) if self.dropout else x_BTD

    def close(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        """The final norm, in `dtype` for the head."""
        return self.norm_final(x_BTD, dtype)

    def head_weight(self) -> Tensor:
        """The token embedding: `(V padded, D)`."""
        return self.wte.weight


def _draw(weight: Tensor, std: float, generator: torch.Generator) -> None:
    """Normal values, drawn on the CPU and copied to wherever the weight is."""
    weight.copy_(torch.empty(weight.shape).normal_(0.0, std, generator=generator))
