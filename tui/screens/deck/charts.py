"""The charts of a deck: one large, and beside each other below it as many small ones as there is room for.

They share steps and crosshair. `Panels` holds them; what they show comes from the store and the operator's choices.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from tui.screens.deck.marks import marks_of
from tui.state.choices import Choices
from tui.state.curves.quantities import QUANTITIES, Quantity, others, quantity
from tui.state.facts import AWAY
from tui.state.store import RunStore
from tui.widgets.chart import Chart, ChartView, Mark, Plotted

_WAITING = {"connecting": "reading the log", **dict.fromkeys(AWAY, "no step was reported")}
SMALL_COLUMNS = 25
"""What a small chart needs."""
SMALL_SMOOTHING = 0.9
"""A small chart is read for its trend."""


class Charts(Vertical):
    """Draws them all."""

    def compose(self) -> ComposeResult:
        """The large one above the others."""
        yield Chart(id="chart")
        with Horizontal(id="small-charts"):
            for _ in QUANTITIES[1:]:
                yield Chart(classes="small")

    def show(self, store: RunStore, choices: Choices, whole: RunStore | None) -> None:
        """Draw what changed. `whole`: see `chart_view`."""
        marks = marks_of(whole or store, store.branch if whole is not None else None)
        large = quantity(choices.quantity)
        self.query_one("#chart", Chart).show(chart_view(store, choices, whole, large, marks))
        row = self.query_one("#small-charts", Horizontal)
        room = row.size.width // SMALL_COLUMNS if row.size.height >= 3 else 0
        charts = self.query(".small").results(Chart)  # fewer while the screen comes or goes
        for at, (chart, small) in enumerate(zip(charts, others(large.name), strict=False)):
            chart.display = at < room
            if at < room:
                chart.show(chart_view(store, choices, whole, small, marks, small=True))


def chart_view(
    store: RunStore,
    choices: Choices,
    whole: RunStore | None = None,
    shown: Quantity = QUANTITIES[0],
    marks: tuple[Mark, ...] = (),
    small: bool = False,
) -> ChartView:
    """One quantity of a run.

    Args:
        store: the run as it is at the moment shown.
        choices: window, smoothing and crosshair.
        whole: knows the run to its end, where `store` stands at a moment of it: what came later is drawn dim.
        shown: what.
        marks: of the whole run.
        small: one curve, and no more than its name.
    """
    run = whole or store
    lines = shown.lines
    if small:
        lines = (lines[shown.key_line],)
    elif choices.smoothing:
        lines = tuple(line for line in lines if line.series != "loss_ema")
    return ChartView(
        title=shown.name,
        curves=tuple(
            Plotted(
                line.label, run.series[line.series], run.series[line.series].version, line.kind,
                store.series[line.series].last, line.colour, line.text,
            )
            for line in lines
        ),
        marks=marks,
        branch=store.branch if whole is not None else None,
        total_steps=run.total_steps,
        window=choices.window.span(run.step),
        log=choices.log_scale and not small,
        cursor=store.step if whole is not None else None,
        crosshair=choices.crosshair,
        smoothing=max(choices.smoothing, SMALL_SMOOTHING) if small else choices.smoothing,
        small=small,
        empty="" if small else _WAITING.get(store.link.status, "waiting for the first report"),
    )  # fmt: skip
