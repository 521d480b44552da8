"""What is asked before a command that destroys, and what each answer sends: the stop, the rollback, the prune."""

from __future__ import annotations

from msgspec import Struct

from engine.protocol import commands as c
from engine.protocol.events import CheckpointSaved, JobReported
from engine.text import one_line
from tui.screens.deck.job_rows import DONE
from tui.state.figures import figures
from tui.state.store import RunStore


class Answer(Struct, frozen=True):
    """A row of the dialog."""

    text: str
    command: c.AnyCommand | None = None
    """What it sends; `None`: nothing."""


class Question(Struct, frozen=True):
    """One dialog. Its first answer is the one that enter gives."""

    title: str
    detail: str
    answers: dict[str, Answer]


def question(command: c.AnyCommand, store: RunStore) -> Question | None:
    """What to ask before this is sent; `None`: it destroys nothing."""
    match command:
        case c.Stop():
            return _stop(store)
        case c.Rollback(to=to):
            return _rollback(command, to, store)
        case c.Prune(dry_run=False):
            return _prune(command, store)
        case _:
            return None


def checkpoint_of(store: RunStore, to: str) -> CheckpointSaved | None:
    """The checkpoint that a name, a step or nothing at all means, where the log tells; `best` it does not."""
    leading = [saved for saved in store.checkpoints if store.leads(saved.branch, saved.step)]
    if not to:
        return next((saved for saved in reversed(leading) if saved.step < store.step), None)
    return next((saved for saved in reversed(leading) if to in (saved.name, str(saved.step))), None)


def _stop(store: RunStore) -> Question:
    saved = store.newest_checkpoint
    last = saved.step if saved is not None else 0
    return Question(
        "Stop this run?",
        f"At step {store.step:,}. Without saving, it can be resumed from step {last:,}.",
        {
            "save": Answer("Stop and save a checkpoint", c.Stop(save=True)),
            "drop": Answer("Stop without saving", c.Stop(save=False)),
            "cancel": Answer("Keep training"),
        },
    )


def _rollback(command: c.Rollback, to: str, store: RunStore) -> Question:
    saved, here = checkpoint_of(store, to), store.step
    name = saved.name if saved is not None else one_line(to, 60) or "the newest checkpoint before this step"
    name = "the best checkpoint" if name == "best" else name
    detail = f"Goes back from step {here:,} to {name}."
    if saved is not None and saved.step < here:
        left = f"{here - saved.step:,} step" + ("s are" if here - saved.step != 1 else " is")
        detail += f" {left} left behind and stay on the chart, dim."
    detail += " A checkpoint of now is saved first."
    to_there = f"Go back to step {saved.step:,}" if saved is not None else "Go back"
    return Question(
        "Roll back?", detail, {"no": Answer(f"Stay at step {here:,}"), "yes": Answer(to_there, command)}
    )


def _prune(command: c.Prune, store: RunStore) -> Question:
    what = one_line(command.slots, 200) or _count(command.amount)
    lines = [f"Takes {what} and its optimizer states out for good."]
    if command.trial:
        lines.append("A trial on a checkpoint comes first; training goes on.")
    news = forecast(command, store)
    if news is None:
        lines.append("No forecast yet. The trial makes one, and changes nothing.")
    else:
        lines.append(f"Forecast at step {news.step:,}:")
        changes = [f"  {name} {value}" for name, value in figures(news.result) if "→" in value]
        lines += changes or [one_line(news.text)]
    answers = {"no": Answer("Keep it" if command.amount == 1 or "," not in what else "Keep them")}
    if news is None:
        trial = c.Prune(slots=command.slots, amount=command.amount, dry_run=True)
        answers["try"] = Answer("Run the trial, change nothing", trial)
    answers["yes"] = Answer("Prune after a trial" if command.trial else "Prune now, without a trial", command)
    return Question(f"Prune {what}?", "\n".join(lines), answers)


def forecast(command: c.Prune, store: RunStore) -> JobReported | None:
    """What the newest trial of the same slots found."""
    wanted = _slots(command.slots, store)
    for job in reversed(store.jobs.values()):
        tried = _slots(str(job.news.result.get("slots", "")), store)
        fits = tried == wanted if wanted else len(tried) == command.amount
        if fits and job.news.state == DONE and "loss_after" in job.news.result:
            return job.news
    return None


def _slots(words: str, store: RunStore) -> set[str]:
    """Names of slots that are given by name or by number."""
    names = store.slot_names
    given = (word for word in words.split(",") if word)
    return {names[int(word)] if word.isdecimal() and int(word) < len(names) else word for word in given}


def _count(amount: int) -> str:
    return "the least useful slot" if amount == 1 else f"the {amount} least useful slots"
