"""The elastic curve: which blocks go, what is measured, and that it never judges on what it chose on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.analysis.elastic import Control, Curve, Point, cost, default_keep, elastic_curve
from engine.analysis.judging import judging_sets
from engine.errors import SlotdeckError
from engine.evaluate import validate
from engine.models import BlockPlan, SlottedModel, build_model
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Model, Optim
from slotdeck.bench.elastic_lines import curve_lines
from slotdeck.bench.elastic_plot import draw

CPU, V, DEPTH, USELESS = torch.device("cpu"), 24, 5, 2


class Batches:
    """Sequences in which each id tells the next: a walk over the ids with one of two strides."""

    def __init__(self, seed: int, count: int = 2) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.ids = []
        for _ in range(count):
            first = torch.randint(0, V, (8, 1), generator=generator)
            stride = torch.randint(1, 3, (8, 1), generator=generator)
            self.ids.append((first + stride * torch.arange(17)) % V)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter([(ids[:, :-1], ids[:, 1:]) for ids in self.ids])


@pytest.fixture(scope="module")
def model() -> SlottedModel:
    """Trained with one block out, and that block then made to add nothing: it is there and does not matter."""
    model = build_model(Model(n_layer=DEPTH, n_head=2, n_embd=16, seq_len=16), V)
    model.init_weights(torch.Generator().manual_seed(4))
    plan = [BlockPlan(duty=float(i != USELESS)) for i in range(DEPTH)]
    optimizer = SlottedOptimizer(model, Optim(lr=0.01))
    for step in range(60):
        for x, y in Batches(step, count=1):
            model.forward_loss(x, y, plan).backward()
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        for name, p in model.slots()[USELESS].named_parameters():
            if name.startswith(("attention_out", "mlp_out")):
                p.zero_()
    return model


@pytest.fixture(scope="module")
def curve(model: SlottedModel) -> Curve:
    return elastic_curve(model, Batches(900), Batches(901), [4, 3, 2], device=CPU)


def loss_without(model: SlottedModel, gone: tuple[int, ...]) -> float:
    plan = [BlockPlan(duty=float(i not in gone)) for i in range(DEPTH)]
    return validate(model, Batches(901), torch.float32, CPU, blocks=plan)[0]


def test_the_block_that_does_nothing_goes_first_and_costs_nothing(curve: Curve) -> None:
    assert curve.greedy[0] == Point(kept=4, gone=(USELESS,), loss=curve.loss)
    assert curve.above(curve.greedy[0].loss) == 0.0
    assert all(point.gone[0] == USELESS for point in curve.greedy)


def test_each_next_one_is_the_cheapest_of_those_left(model: SlottedModel, curve: Curve) -> None:
    (first, second), probe = curve.greedy[1].gone, Batches(900)

    def probe_loss(i: int) -> float:
        plan = [BlockPlan(duty=float(j not in (first, i))) for j in range(DEPTH)]
        return validate(model, probe, torch.float32, CPU, blocks=plan)[0]

    assert second == min((i for i in range(DEPTH) if i != first), key=probe_loss)
    assert len(set(curve.greedy[2].gone)) == 3


def test_every_loss_is_that_of_the_model_without_the_blocks_named(model: SlottedModel, curve: Curve) -> None:
    assert curve.loss == loss_without(model, ())
    assert curve.slots == tuple(model.slot_names)
    for points in (curve.greedy, curve.even, curve.first):
        assert [point.kept for point in points] == [4, 3, 2]
        for point in points:
            assert len(point.gone) == DEPTH - point.kept
            assert point.loss == loss_without(model, point.gone)
    assert curve.even[1].gone == (1, 3)
    assert curve.first[2].gone == (2, 3, 4)


def test_the_random_control_spares_the_ends_as_long_as_it_can(model: SlottedModel, curve: Curve) -> None:
    assert [(control.kept, len(control.losses)) for control in curve.random] == [(4, 3), (3, 3), (2, 3)]
    inner = {loss_without(model, (i,)) for i in range(1, DEPTH - 1)}
    assert set(curve.random[0].losses) <= inner
    assert set(curve.random[2].losses) == {loss_without(model, (1, 2, 3))}


def test_the_same_question_gets_the_same_answer_and_the_model_stays_as_it_was(model: SlottedModel) -> None:
    weights = {name: p.clone() for name, p in model.state_dict().items()}
    model.train()
    twice = [elastic_curve(model, Batches(900), Batches(901), [3], device=CPU) for _ in range(2)]
    assert twice[0] == twice[1]
    assert model.training
    assert all(torch.equal(p, weights[name]) for name, p in model.state_dict().items())


def test_who_waits_is_told_of_every_batch_up_to_the_last(model: SlottedModel) -> None:
    told: list[tuple[int, int]] = []
    elastic_curve(model, Batches(900), Batches(901), [4, 3], device=CPU, told=lambda *now: told.append(now))
    total = cost(DEPTH, [4, 3], probe=2, validation=2)
    assert told == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize(
    ("depth", "keep"), [(12, (10, 8, 6)), (24, (20, 16, 12)), (4, (3, 2)), (2, (1,)), (1, ())]
)
def test_by_default_two_four_and_six_twelfths_go(depth: int, keep: tuple[int, ...]) -> None:
    assert default_keep(depth) == keep


@pytest.mark.parametrize("keep", [[0], [DEPTH], [3, -1]])
def test_what_cannot_be_kept_is_refused(model: SlottedModel, keep: list[int]) -> None:
    with pytest.raises(SlotdeckError, match="of 5 blocks cannot be kept; give numbers from 1 to 4"):
        elastic_curve(model, Batches(900), Batches(901), keep, device=CPU)


# -- the tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "asked"), [(4001, 1024), (1001, 1024), (33, 4096)])
def test_the_probe_shares_no_token_with_what_is_judged(tmp_path: Path, there: int, asked: int) -> None:
    np.arange(there, dtype="<u2").tofile(tmp_path / "val.bin")
    judged, probe = judging_sets(
        tmp_path, seq_len=16, tokens=asked, batch_size=4, model_vocab=there, vocab_hash=""
    )
    seen = [set(torch.cat([y.flatten() for _, y in part]).tolist()) for part in (judged, probe)]
    assert seen[0]
    assert seen[1]
    assert not seen[0] & seen[1]
    assert len(seen[0]) <= asked


def test_one_sequence_alone_cannot_be_both(tmp_path: Path) -> None:
    np.arange(20, dtype="<u2").tofile(tmp_path / "val.bin")
    with pytest.raises(SlotdeckError, match="fewer than 2 sequences of 16"):
        judging_sets(tmp_path, seq_len=16, tokens=64, batch_size=4, model_vocab=64, vocab_hash="")


# -- how it is shown -------------------------------------------------------------------------------------


def made_up(loss: float, *shares: float) -> Curve:
    names = tuple(f"block.{i}" for i in range(12))
    points = tuple(
        Point(k, tuple(range(12 - k)), loss * (1 + s)) for k, s in zip((10, 8, 6), shares, strict=True)
    )
    random = tuple(Control(p.kept, (p.loss * 1.1,)) for p in points)
    return Curve(names, loss, points, random, points, points, 4096, 512, 1)


def test_table_and_bars_say_what_was_measured() -> None:
    curves = [("anneal", "a", made_up(3.0, 0.005, 0.03, 0.06)), ("dense", "b", made_up(3.0, 0.06, 1.2, 15.0))]
    lines = list(curve_lines(curves, [("anneal", [1.0, 0.25])]))
    assert "    8 of 12    3.0900     +3.0 %    +13.3 %     +3.0 %     +3.0 %  0 1 2 3" in lines
    assert [line for line in lines if "+1,500 %" in line]
    bars = [line.count("█") for line in lines if "anneal  " in line or "dense  " in line]
    assert max(bars) == 40
    assert lines[-1] == "Gates of anneal, first to last: 1.00 0.25"


@pytest.mark.parametrize(
    "shares", [(0.0, 0.0, 0.0), (-0.01, 0.02, 0.05), (0.1, 5.0, float("inf")), (0.1, 0.2, float("nan"))]
)
def test_the_picture_is_whole_whatever_was_measured(shares: tuple[float, float, float]) -> None:
    for curves in (
        [("a<b", made_up(3.0, *shares))],
        [("a", made_up(3.0, *shares)), ("b", made_up(2.0, 0.1, 1, 9))],
    ):
        root = ElementTree.fromstring(draw(curves, "run & step"))
        texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert curves[0][0] in texts
        numbers = [
            float(value)
            for element in root.iter()
            for key, value in element.attrib.items()
            if key in ("x", "y", "cx", "cy")
        ]
        assert all(-1 <= number <= 800 for number in numbers)
