"""Which checkpoints a run came through, whatever it went back to."""

from __future__ import annotations

from engine.runlog.branches import Branches, Place


def at(branch: int, step: int, copy: str = "") -> Place:
    return Place(branch, step, f"step-{step:08d}{copy}")


def test_what_a_rollback_left_behind_is_not_on_the_way() -> None:
    branches = Branches()
    assert branches.hold(at(0, 100))
    branches.turn(1, at(0, 60))
    held = [branches.hold(at(0, step)) for step in (50, 60, 70, 100)]
    assert held == [True, True, False, False]
    assert not branches.hold(at(0, 60, ".2")), "saved at the same step, after what was gone back to"
    assert branches.hold(at(1, 80))
    assert branches.went_back


def test_going_back_twice_and_forward_to_what_was_left() -> None:
    branches = Branches()
    branches.turn(1, at(0, 60))
    branches.turn(2, at(1, 80))
    assert [branches.hold(p) for p in (at(0, 50), at(0, 60), at(1, 80), at(1, 90), at(2, 85))] == [
        True, True, True, False, True,
    ]  # fmt: skip
    branches.turn(3, at(0, 100))
    assert [branches.hold(p) for p in (at(0, 90), at(0, 100), at(1, 80), at(2, 85))] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_resume_that_takes_steps_again_leaves_nothing_behind() -> None:
    branches = Branches()
    branches.resumed(0)
    branches.resumed(1)
    assert branches.hold(at(0, 40))
    assert branches.hold(at(1, 30))
    assert not branches.went_back
    branches.turn(2, at(1, 30))
    branches.resumed(3)
    assert [branches.hold(p) for p in (at(1, 30), at(1, 35), at(0, 20), at(0, 40), at(3, 1))] == [
        True, False, True, False, True,
    ]  # fmt: skip
    copied = branches.copy()
    branches.turn(4, at(0, 10))
    assert copied.hold(at(3, 1))


def test_a_fork_begins_at_a_checkpoint_that_has_the_number_of_a_branch_of_its_parent() -> None:
    fork = Branches()
    begins_at = at(5, 40)
    assert fork.hold(begins_at), "no engine has begun yet"
    fork.resumed(5)
    assert fork.hold(begins_at)
    fork.resumed(6)
    fork.turn(7, begins_at)
    assert [fork.copy().hold(p) for p in (begins_at, at(6, 50))] == [True, False]
