"""The machine, a row each for CPU, memory, disk and every GPU, with small meters.

What a device does not say is `n/a`, never 0.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from rich.style import Style

from engine.protocol.events import Gpu, Hardware
from engine.text import one_line
from tui.state.formatting import NONE, fit, percent, size
from tui.widgets.lines import Lines, Pieces, length

FULL = 95.0
"""Percent from which memory and disk warn; a busy processor is what training is for."""
TIGHT, TIGHT_BAR = 48, 5
"""Below so many columns everything is said shorter, with a meter of so many."""


class HardwareView(Struct, frozen=True):
    """What the rows show."""

    hardware: Hardware | None
    cpu_name: str = ""
    stale: bool = False
    """The figures are old: the link or the sampler is lost."""

    @property
    def rows(self) -> int:
        """With a row for each GPU."""
        return 2 if self.hardware is None else 3 + max(1, len(self.hardware.gpus))


class Gauges(Lines[HardwareView]):
    """Draws a `HardwareView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "muted": "auto 60%", "value": "$foreground",
        "meter": "bold $primary", "hot": "bold $text-error", "track": "$foreground 20%",
    }  # fmt: skip
    DEFAULT_CSS = "Gauges { height: auto; min-height: 3; }"

    def rows_wanted(self, view: HardwareView, width: int) -> int:  # noqa: ARG002
        return view.rows

    def draw(self, view: HardwareView, width: int, height: int) -> list[Pieces]:
        hw = view.hardware
        muted = self.look("muted")
        if hw is None:
            return [[("hardware", self.look("title"))], [("no sample yet", muted)]]
        bar = TIGHT_BAR if width < TIGHT else max(4, min(20, width // 6))
        own = [f"this run {hw.process_cpu_percent:.0f}%"] if hw.process_cpu_percent is not None else []
        rss = [f"this run {size(hw.process_rss_bytes).strip()}"] if hw.process_rss_bytes is not None else []
        disk = _share(_less(hw.disk_total_bytes, hw.disk_free_bytes), hw.disk_total_bytes)
        free = [f"{size(hw.disk_free_bytes).strip()} free"] if hw.disk_free_bytes is not None else []
        rows = [
            self._row("CPU", hw.cpu_percent, bar, width, [*own, one_line(view.cpu_name, 60)]),
            self._row(
                "RAM", _share(hw.ram_used_bytes, hw.ram_total_bytes), bar, width,
                [f"{size(hw.ram_used_bytes).strip()} of {size(hw.ram_total_bytes).strip()}", *rss],
                may_fill=False,
            ),
            self._row("disk", disk, bar, width, free, may_fill=False),
        ]  # fmt: skip
        if len(hw.gpus) > max(1, height - len(rows)):
            rows = [self._host(hw, disk, width)]
        room = max(height - len(rows), 1)
        told = hw.gpus if len(hw.gpus) <= room else hw.gpus[: room - 1]
        rows += [self._gpu(gpu, bar, width) for gpu in told]
        if len(told) < len(hw.gpus):
            rows.append(self._rest(hw.gpus[len(told) :], width))
        if not hw.gpus:
            rows.append(
                [("GPU  ", self.look("title")), (fit(one_line(hw.gpu_status) or "n/a", width - 5), muted)]
            )
        if view.stale:
            rows = [[(text, muted) for text, _ in row] for row in rows]
        return rows[:height]

    def _host(self, hw: Hardware, disk: float | None, width: int) -> Pieces:
        """Processor, memory and disk in one row, to leave the others to many GPUs."""
        bar = min(12, (width - 33) // 3)
        bar = bar if bar >= 3 else 0
        row: Pieces = []
        ram = _share(hw.ram_used_bytes, hw.ram_total_bytes)
        for name, value, may_fill in (
            ("CPU", hw.cpu_percent, True),
            ("RAM", ram, False),
            ("disk", disk, False),
        ):
            hot = value is not None and value >= FULL and not may_fill
            row.append((f"{'  ' if row else ''}{name}{' ' if bar else ''}", self.look("title")))
            row += [*self._meter(value, bar, hot), (f" {percent(value)}", self._value(value))]
        return row

    def _rest(self, gpus: list[Gpu], width: int) -> Pieces:
        """GPUs for which there is no row, in one: busiest and idlest, hottest, and those held back."""
        busy = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
        hot = [gpu.temperature_c for gpu in gpus if gpu.temperature_c is not None]
        held = [f"GPU{gpu.index} {one_line(gpu.throttle, 20)}" for gpu in gpus if _is_fault(gpu.throttle)]
        facts = [
            f"{min(busy):.0f} to {max(busy):.0f}%" if busy else "",
            f"at most {max(hot):.0f} °C" if hot else "",
        ]
        muted = self.look("muted")
        row: Pieces = [("GPU… ", self.look("title")), (f"{len(gpus)} more", muted)]
        if held:
            row.append((fit("  " + ", ".join(held), width - length(row)), self.look("hot")))
        for fact in filter(None, facts):
            if length(row) + 2 + len(fact) <= width:
                row.append((f"  {fact}", muted))
        return row

    def _row(
        self, name: str, value: float | None, bar: int, width: int, notes: list[str], may_fill: bool = True
    ) -> Pieces:
        hot = value is not None and value >= FULL and not may_fill
        row: Pieces = [(f"{name:<5}", self.look("title")), *self._meter(value, bar, hot)]
        row.append((f" {percent(value)} ", self._value(value)))
        room = width - length(row)
        for note in filter(None, notes):
            if len(note) + 2 > room:
                break
            row.append((f"  {note}" if row[-1][1] == self.look("muted") else f" {note}", self.look("muted")))
            room -= len(note) + 2
        return row

    def _gpu(self, gpu: Gpu, bar: int, width: int) -> Pieces:
        muted, value = self.look("muted"), self.look("value")
        memory = _share(gpu.memory_used_bytes, gpu.memory_total_bytes)
        roomy, tight = width >= 80, width < TIGHT
        row: Pieces = [(f"GPU{gpu.index:<2}"[:5], self.look("title")), *self._meter(gpu.utilisation, bar)]
        row.append((f" {percent(gpu.utilisation)} ", self._value(gpu.utilisation)))
        if roomy:
            row += [(" mem ", muted), *self._meter(memory, bar // 2)]
        if tight:
            row.append((_of(gpu.memory_used_bytes, gpu.memory_total_bytes), value))
        else:
            row += [
                (f" {size(gpu.memory_used_bytes)}", value),
                (f" of {size(gpu.memory_total_bytes).strip()}", muted),
            ]
        facts = [
            one_line(gpu.throttle, 30) if _is_fault(gpu.throttle) else "",
            _watts(gpu, with_limit=roomy),
            f"{gpu.temperature_c:.0f}{'' if tight else ' '}°C"
            if gpu.temperature_c is not None
            else "temp n/a",
            f"{gpu.sm_clock_mhz} MHz" if gpu.sm_clock_mhz is not None else "clock n/a",
            "" if _is_fault(gpu.throttle) else one_line(gpu.throttle, 30),
            one_line(gpu.name, 30),
        ]
        gap = " " if tight else "  "
        for fact in filter(None, facts):
            if length(row) + len(gap) + len(fact) > width:
                break
            row.append((f"{gap}{fact}", self.look("hot") if _is_fault(fact) else muted))
        return row

    def _meter(self, value: float | None, width: int, hot: bool = False) -> Pieces:
        ink = self.look("hot" if hot else "meter")
        return meter(None if value is None else value / 100, width, ink, self.look("track"))

    def _value(self, value: float | None) -> Style:
        return self.look("muted" if value is None else "value")


def meter(share: float | None, width: int, ink: Style, track: Style) -> Pieces:
    """A bar that is `share` full: thick on thin, so it reads without colour; dots when unknown."""
    if share is None:
        return [("·" * width, track)]
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    full, half = divmod(halves, 2)
    return [("━" * full + "╸" * half, ink), ("─" * (width - full - half), track)]


def _of(used: int | None, total: int | None) -> str:
    """` 71/139 GiB`, ` 3/8 GiB`: as short as it can be said."""
    gib = [NONE if num_bytes is None else f"{num_bytes / (1 << 30):.0f}" for num_bytes in (used, total)]
    return f"{gib[0]:>{max(2, len(gib[1]))}}/{gib[1]} GiB"


def _share(used: int | None, total: int | None) -> float | None:
    return None if used is None or not total else 100 * used / total


def _less(total: int | None, part: int | None) -> int | None:
    return None if total is None or part is None else total - part


def _watts(gpu: Gpu, with_limit: bool) -> str:
    if gpu.power_w is None:
        return "power n/a"
    limit = f" of {gpu.power_limit_w:.0f}" if with_limit and gpu.power_limit_w is not None else ""
    return f"{gpu.power_w:3.0f} W{limit}"


def _is_fault(throttle: str) -> bool:
    """A power cap is a choice; heat and a failing supply are not."""
    return any(word in throttle for word in ("hot", "slowdown", "brake"))
