"""What a form comes to, in numbers: parameters, tokens, memory, disk. All derived; nothing is measured."""

from __future__ import annotations

from msgspec import Struct

from engine.profile.corpus import read_corpus
from engine.profile.derive import num_params, slot_params, tokens_per_step, total_tokens
from engine.profile.forecast import forecast
from engine.units import format_bytes, format_count
from tui.state.launch.form import Form


class Figure(Struct, frozen=True):
    """One line of the panel."""

    label: str
    value: str
    remark: str = ""


def prospect(form: Form) -> list[Figure]:
    """The figures, most telling first."""
    profile = form.profile
    corpus = read_corpus(form.data_dir)
    vocab_size = profile.model.vocab_size or (corpus.vocab_size if corpus is not None else 0)
    known = "" if vocab_size else "and the embeddings"
    params = (
        num_params(profile.model, vocab_size)
        if vocab_size
        else profile.model.n_layer * slot_params(profile.model)
    )
    figures = [
        Figure("parameters", format_count(params), known or f"{profile.model.n_layer} slots of "
               f"{format_count(slot_params(profile.model))}"),
        Figure("steps", format_count(profile.train.steps)),
        Figure("tokens a step", format_count(tokens_per_step(profile)), _sequences(form)),
        Figure("tokens", format_count(total_tokens(profile)), "the whole run"),
    ]  # fmt: skip
    if corpus is not None and corpus.train.tokens:
        epochs = total_tokens(profile) / corpus.train.tokens
        of = f"of {format_count(corpus.train.tokens)} tokens"
        figures.append(Figure("epochs", f"{epochs:.2f}" if epochs < 100 else f"{epochs:,.0f}", of))
    else:
        figures.append(
            Figure("epochs", "n/a", "made at the start" if form.brings_data else "no prepared data")
        )
    if not vocab_size:
        return [*figures, Figure("memory", "n/a", "known with the data"), Figure("checkpoint", "n/a")]
    will = forecast(profile, vocab_size)
    saved = profile.checkpoint.keep + 1
    return [
        *figures,
        Figure("memory", f"≈ {format_bytes(will.total)}", "forecast"),
        Figure("  weights, states", format_bytes(will.kept)),
        Figure("  gradients", format_bytes(will.gradients)),
        Figure("  activations", f"≈ {format_bytes(will.activations)}", _computed(form)),
        Figure("checkpoint", format_bytes(will.kept), f"{saved} kept: {format_bytes(saved * will.kept)}"),
    ]


def _sequences(form: Form) -> str:
    train = form.profile.train
    many = f"{train.batch_size} x {train.accumulate}" if train.accumulate > 1 else f"{train.batch_size}"
    return f"{many} sequences of {tokens_per_step(form.profile) // (train.batch_size * train.accumulate):,}"


def _computed(form: Form) -> str:
    compute = form.profile.precision.compute
    return "as in fp32" if compute == "auto" else f"in {compute}"
