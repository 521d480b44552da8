"""The figures of a job's result, said for people: `loss 5.113 → 5.402`, `memory 1.20 GiB → 980 MiB`.

Whatever a job reports is shown: names and units come from the keys (`params_after`, `step_ms_before`, `path`).
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.protocol.events import Scalar
from engine.text import one_line
from engine.units import format_bytes, format_count, format_duration

_WORDS = {"params": "parameters", "ms": "", "bytes": "", "s": ""}
_ALONE = {"bytes": "memory", "ms": "step"}
_FIRST = ("loss", "params", "memory", "bytes", "ms")
"""What one looks at first; the rest follows as it came."""
_SIDES = {"before": 0, "after": 1}


def figures(result: Mapping[str, Scalar]) -> list[tuple[str, str]]:
    """`(name, value)` of each figure; a before and an after stand together."""
    pairs: dict[tuple[str, ...], list[Scalar]] = {}
    for key, value in result.items():
        words = key.split("_")
        side = next((_SIDES[word] for word in words if word in _SIDES), None)
        name = tuple(word for word in words if word not in _SIDES)
        pairs.setdefault(name, [None, None])[0 if side is None else side] = value
        if side is None and value is None:
            del pairs[name]
    ordered = sorted(pairs.items(), key=lambda pair: _rank(pair[0]))
    return [(_name(words), _change(words, *values)) for words, values in ordered]


def summary(result: Mapping[str, Scalar]) -> str:
    """The changes of a result in a line: `loss 5.113 → 5.402, parameters 9.2M → 8.4M`."""
    return ", ".join(f"{name} {value}" for name, value in figures(result) if "→" in value)


def _rank(words: tuple[str, ...]) -> int:
    return next((at for at, word in enumerate(_FIRST) if word in words), len(_FIRST))


def _name(words: tuple[str, ...]) -> str:
    if len(words) == 1 and words[0] in _ALONE:
        return _ALONE[words[0]]
    said = " ".join(filter(None, (_WORDS.get(word, word) for word in words)))
    return one_line(said or " ".join(words), 60)


def _change(words: tuple[str, ...], before: Scalar, after: Scalar) -> str:
    told = [_value(words, value) for value in (before, after) if value is not None]
    return " → ".join(told)


def _value(words: tuple[str, ...], value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or value is None:
        return one_line(str(value), 400)
    if "bytes" in words:
        return format_bytes(value)
    if "ms" in words:
        return f"{value:.1f} ms"
    if words[-1:] == ("s",):
        return format_duration(value)
    if "share" in words:
        return f"{100 * value:.1f}%"
    if "params" in words:
        return format_count(value)
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
