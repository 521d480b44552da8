"""What the command line offers while one types: the rest of the word, and how the verb is used."""

from __future__ import annotations

from collections.abc import Iterator

from engine.protocol.verbs import EXPORTS, POLICIES, PRECISIONS, VERBS
from tui.state.known import Known

_SLOT_FIRST = ("pin", "ban", "release", "prune")
_CHECKPOINT_FIRST = ("rollback", "fork")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "precision": ("slot=",),
    "policy": ("mean_duty=", "full_from=", "every=", "equal_work=1"),
    "pin": ("duty=", "trained=yes", "trained=no", "until=+"),
    "ban": ("until=+",),
    "prune": ("dry_run=yes", "amount=", "trial=no"),
    "stop": ("save=yes", "save=no"),
    "batch": ("auto",),
    "lr": ("x0.5", "x2", "schedule"),
}


def completion(text: str, known: Known) -> str:
    """`text` with its last word completed, or as it is when nothing fits."""
    *before, last = text.split(" ")
    if not last and not before:
        return text
    for choice in _choices([word for word in before if word], last, known):
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


def _choices(before: list[str], last: str, known: Known) -> Iterator[str]:
    if not before:
        yield from VERBS
        return
    verb = before[0]
    if len(before) == 1:
        yield from _first(verb, last, known)
    if verb == "precision":
        yield from (f"slot={name}" for name in known.slots)
    if verb == "export":
        yield from (f"at={name}" for name in (*known.checkpoints, "best"))
    if verb == "fork" and last:
        from engine.profile.load import all_keys  # the schema is known only where somebody asks for it

        yield from (f"{key}=" for key in all_keys())
    if len(before) > 1 or verb not in _SLOT_FIRST or verb == "prune":
        yield from _OPTIONS.get(verb, ())


def _first(verb: str, last: str, known: Known) -> Iterator[str]:
    """What stands right behind the verb."""
    if verb == "prune" and "," in last:  # one more behind those that are typed
        typed = last.rpartition(",")[0]
        yield from (f"{typed},{name}" for name in known.slots if name not in typed.split(","))
    elif verb in _SLOT_FIRST:
        yield from known.slots
    elif verb in _CHECKPOINT_FIRST:
        yield from known.checkpoints
        yield "best"
        tails = (name.rpartition("-")[2] for name in known.checkpoints)
        yield from (str(int(tail)) for tail in tails if tail.isdecimal())
    yield from {"precision": PRECISIONS, "policy": POLICIES, "export": EXPORTS}.get(verb, ())
