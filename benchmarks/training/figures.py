"""A table's runs, row against row: medians over seeds, ratios within a seed."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.training.curve import loss_at

Run = dict[str, Any]


class Figures:
    """What the runs of one size say."""

    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs

    def of(self, form: str, row: str) -> list[Run]:
        """The good runs of a row, by seed."""
        found = [r for r in self._runs if r["status"] == "ok" and (r["form"], r["row"]) == (form, row)]
        return sorted(found, key=lambda r: r["seed"])

    def failure(self, row: str) -> str:
        """Why a row has no good run in some form; empty if it has not failed."""
        bad = [r for r in self._runs if r["row"] == row and r["status"] == "failed"]
        return next((f"{r['reason']}" for r in bad if not self.of(r["form"], row)), "")

    # -- one row -----------------------------------------------------------------------------------------

    def rate(self, row: str) -> float | None:
        """Tokens a second."""
        return self._median("speed", row, lambda run: run["tokens_per_s"])

    def memory(self, row: str) -> float | None:
        """Bytes held at the peak: CUDA's count of what was allocated, on a CPU tensor by tensor."""
        return self._median("speed", row, lambda run: run["memory"]["allocated"])

    def figure(self, row: str, key: str) -> float | None:
        """Any other figure of the speed form; None where it was not measured."""
        return self._median("speed", row, lambda run: run.get(key))

    def losses(self, row: str) -> list[float]:
        """Validation losses at the end, by seed."""
        return [run["val_loss"] for run in self.of("loss", row)]

    def elastic(self, row: str, kept: str) -> float | None:
        """How much worse the loss is with so many blocks kept, a share."""
        shares = [
            run["elastic"]["kept"][kept] / run["elastic"]["all"] - 1
            for run in self.of("loss", row)
            if kept in run.get("elastic", {}).get("kept", {})
        ]
        return statistics.median(shares) if shares else None

    # -- row against row ---------------------------------------------------------------------------------

    def faster(self, row: str, than: str) -> float | None:
        """Tokens a second, as a multiple."""
        return _ratio(self.rate(row), self.rate(than))

    def leaner(self, row: str, than: str) -> float | None:
        """Peak memory as a change: -0.65 is 65 % less."""
        ratio = _ratio(self.memory(row), self.memory(than))
        return None if ratio is None else ratio - 1

    def worse(self, row: str, than: str) -> float | None:
        """Loss at equal tokens as a change: the median over the seeds that both have."""
        return self._against(row, than, lambda run, _: run["val_loss"])

    def worse_in_time(self, row: str, than: str) -> float | None:
        """The same when the time is over that the other took for all its tokens."""
        return self._against(row, than, lambda run, other: loss_at(run["curve"], other["train_s"]))

    def _against(self, row: str, than: str, loss: Callable[[Run, Run], float]) -> float | None:
        others = {run["seed"]: run for run in self.of("loss", than)}
        changes = [
            loss(run, others[run["seed"]]) / others[run["seed"]]["val_loss"] - 1
            for run in self.of("loss", row)
            if run["seed"] in others
        ]
        return statistics.median(changes) if changes else None

    def _median(self, form: str, row: str, value: Callable[[Run], float | None]) -> float | None:
        values = [v for run in self.of(form, row) if (v := value(run)) is not None]
        return statistics.median(values) if values else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b
