"""What the command line offers while one types: the rest of the word, and how the verb is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.protocol.verbs import POLICIES, PRECISIONS, VERBS

_SLOT_FIRST = ("pin", "ban", "release", "prune")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "precision": ("slot=",),
    "policy": ("mean_duty=", "full_from=", "every=", "equal_work=1"),
    "pin": ("duty=", "trained=yes", "trained=no", "until=+"),
    "ban": ("until=+",),
    "prune": ("amount=", "dry_run=yes", "trial=no"),
    "rollback": ("best",),
    "fork": ("best", "optim.lr="),
    "export": ("hf", "at="),
    "stop": ("save=yes", "save=no"),
    "batch": ("auto",),
    "lr": ("x0.5", "x2", "schedule"),
}


def completion(text: str, slots: Sequence[str]) -> str:
    """`text` with its last word completed, or as it is when nothing fits."""
    *before, last = text.split(" ")
    if not last and not before:
        return text
    for choice in _choices([word for word in before if word], slots):
        if choice.startswith(last) and choice != last:
            return " ".join([*before, choice])
    return text


def usage(text: str, width: int) -> str:
    """How the verb at the start of `text` is used and what it does, or the verbs that can start with it.

    Of what it does, as many sentences as fit into `width` columns.
    """
    words = text.split()
    if not words or words[0] not in VERBS:
        return "  ".join(name for name in VERBS if name.startswith(words[0] if words else ""))
    said = f"{VERBS[words[0]].usage}  "
    for sentence in VERBS[words[0]].help.replace("`", "").split(". "):
        longer = f"{said} {sentence.removesuffix('.')}."
        if len(longer) > width:
            break
        said = longer
    return said.rstrip()


def _choices(before: list[str], slots: Sequence[str]) -> Iterator[str]:
    if not before:
        yield from VERBS
        return
    verb = before[0]
    if len(before) == 1:
        yield from slots if verb in _SLOT_FIRST else ()
        yield from PRECISIONS if verb == "precision" else ()
        yield from POLICIES if verb == "policy" else ()
    if verb == "precision":
        yield from (f"slot={name}" for name in slots)
    if len(before) > 1 or verb not in _SLOT_FIRST:
        yield from _OPTIONS.get(verb, ())
