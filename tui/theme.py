"""The cockpit's colours, dark, light and of high contrast: one meaning each, the first two quiet."""

from __future__ import annotations

from msgspec import Struct
from textual.theme import Theme


class _Inks(Struct, frozen=True):
    """One colour for each meaning."""

    primary: str
    """The run at work: training loss, slots, meters."""
    secondary: str
    accent: str
    """What the eye should find first: the mean loss, keys."""
    success: str
    """Applied, healthy."""
    warning: str
    """Waits, or needs a look."""
    error: str
    """Refused, failed, lost."""
    foreground: str
    quiet: str
    background: str
    surface: str
    panel: str

    def theme(self, name: str, memory: tuple[str, ...], runs: tuple[str, ...]) -> Theme:
        """As Textual wants it. `memory`: of the parts of memory; `runs`: of curves that lie over one another."""
        variables = {"quiet": self.quiet}
        variables |= {f"memory-{part}": ink for part, ink in zip(_MEMORY_PARTS, memory, strict=True)}
        variables |= {f"run-{number}": ink for number, ink in enumerate(runs)}
        if name == "light":  # Textual mixes text with black there, until green and red look alike
            variables |= {f"text-{meaning}": getattr(self, meaning) for meaning in _SAID_IN_COLOUR}
        return Theme(
            f"slotdeck-{name}", self.primary, self.secondary, self.warning, self.error, self.success, self.accent,
            self.foreground, self.background, self.surface, self.panel, variables=variables, dark=name != "light",
        )  # fmt: skip


_SAID_IN_COLOUR = ("accent", "success", "warning", "error")
_MEMORY_PARTS = ("weights", "gradients", "optimizer", "activations", "cache")
_MEMORY = ("#5f87af", "#4f8080", "#87804f", "#87608f", "#5f5f8f")
"""Five tones of equal weight, so that none of them looks like an alarm."""
_RUNS = ("#5f87d7", "#d7875f", "#87af5f", "#af87d7", "#afaf5f", "#5fafaf", "#d7708f", "#a0a0a0")
_LIGHT_RUNS = ("#2f5fb0", "#b0521f", "#4f7f1f", "#7f4fb0", "#77700f", "#1f7f7f", "#b03f67", "#606060")

# Primary, secondary, accent; success, warning, error; foreground, quiet; background, surface, panel.
THEMES = (
    _Inks(
        "#5f87af", "#87afaf", "#87d7ff", "#87af5f", "#d7af5f", "#d75f5f", "#c6c6c6", "#808080",
        "#121212", "#1a1a1a", "#303030",
    ).theme("dark", _MEMORY, _RUNS),
    _Inks(
        "#5f8faf", "#3a6d6d", "#005f87", "#3f6f1f", "#8f5f00", "#af2f2f", "#262626", "#6c6c6c",
        "#fafafa", "#f0f0f0", "#d0d0d0",
    ).theme("light", _MEMORY, _LIGHT_RUNS),
    _Inks(
        "#5fafff", "#5fd7d7", "#00ffff", "#5fff5f", "#ffd700", "#ff5f5f", "#ffffff", "#bcbcbc",
        "#000000", "#000000", "#444444",
    ).theme("contrast", _MEMORY, _RUNS),
)  # fmt: skip

# Sixteen colours: each is one of a terminal's own, so that no two meanings become the same one.
_BLACK, _RED, _GREEN, _BROWN, _BLUE, _MAGENTA, _CYAN, _GREY = (
    "#000000", "#aa0000", "#00aa00", "#aa5500", "#0000aa", "#aa00aa", "#00aaaa", "#aaaaaa"
)  # fmt: skip
_DIM, _BRIGHT_RED, _BRIGHT_GREEN, _YELLOW, _BRIGHT_BLUE, _BRIGHT_MAGENTA, _BRIGHT_CYAN, _WHITE = (
    "#555555", "#ff5555", "#55ff55", "#ffff55", "#5555ff", "#ff55ff", "#55ffff", "#ffffff"
)  # fmt: skip
_FEW_FOR_MEMORY = (_BLUE, _CYAN, _BROWN, _MAGENTA, _DIM)
_FEW_FOR_RUNS = (_BRIGHT_BLUE, _BROWN, _BRIGHT_GREEN, _BRIGHT_MAGENTA, _YELLOW, _CYAN, _BRIGHT_RED, _GREY)
_FEW = (
    _Inks(
        _BRIGHT_BLUE, _CYAN, _BRIGHT_CYAN, _GREEN, _YELLOW, _BRIGHT_RED, _WHITE, _GREY, _BLACK, _BLACK, _DIM
    ).theme("dark", _FEW_FOR_MEMORY, _FEW_FOR_RUNS),
    _Inks(
        _BLUE, _CYAN, _MAGENTA, _GREEN, _BROWN, _RED, _BLACK, _DIM, _WHITE, _WHITE, _GREY
    ).theme("light", _FEW_FOR_MEMORY, (_BLUE, _BROWN, _GREEN, _MAGENTA, _CYAN, _RED, _DIM, _BLACK)),
    _Inks(
        _BRIGHT_BLUE, _CYAN, _BRIGHT_CYAN, _BRIGHT_GREEN, _YELLOW, _BRIGHT_RED, _WHITE, _WHITE, _BLACK, _BLACK, _DIM
    ).theme("contrast", _FEW_FOR_MEMORY, _FEW_FOR_RUNS),
)  # fmt: skip


def few_colours(color_system: str | None) -> bool:
    """Whether a terminal has sixteen: `standard`."""
    return color_system in ("standard", "windows")


def themes(color_system: str | None) -> tuple[Theme, ...]:
    """The themes for a terminal with so many colours."""
    return _FEW if few_colours(color_system) else THEMES
