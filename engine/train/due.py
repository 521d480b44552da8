"""What a run does once in a while, after a step: it evaluates, samples and saves as the profile says. See the loop."""

from __future__ import annotations

from engine.train import judge
from engine.train.run import Run
from engine.train.saving import DUE, save_if_room
from engine.train.verbs.prune import judge_healed


def do_what_is_due(run: Run) -> None:
    """Everything that this step boundary is for; the last one evaluates, and its save is the loop's."""
    profile, last = run.profile, run.step >= run.total_steps
    if last or _due(run.step, profile.evaluate.every):
        judge.evaluate(run)
    if run.tokenizer is not None and _due(run.step, profile.sample.every):
        judge.sample(run, profile.sample.prompt)
    if judge_healed(run):
        return  # it went back: what is due here was due on the way it left
    if not last and run.full_disk.paused:
        save_if_room(run)
    elif not last and _due(run.step, profile.checkpoint.every) and not run.loss_guard.stuck:
        run.save(DUE)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
