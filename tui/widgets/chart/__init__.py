"""The line chart: `ChartView` says what, `Chart` draws it."""

from tui.widgets.chart.chart import Chart
from tui.widgets.chart.view import ChartView, Mark, MarkKind, Plotted

__all__ = ["Chart", "ChartView", "Mark", "MarkKind", "Plotted"]
