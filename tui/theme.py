"""The cockpit's colours, dark, light and of high contrast: one meaning each, the first two quiet."""

from __future__ import annotations

from textual.theme import Theme

# the parts of memory: five tones of equal weight, so that none of them looks like an alarm
_MEMORY = {
    "memory-weights": "#5f87af",
    "memory-gradients": "#4f8080",
    "memory-optimizer": "#87804f",
    "memory-activations": "#87608f",
    "memory-cache": "#5f5f8f",
}
THEMES = (
    Theme(
        name="slotdeck-dark",
        primary="#5f87af",  # the run at work: training loss, slots, meters
        secondary="#87afaf",
        accent="#87d7ff",  # what the eye should find first: the mean loss, keys
        success="#87af5f",  # applied, healthy
        warning="#d7af5f",  # waits, or needs a look
        error="#d75f5f",  # refused, failed, lost
        foreground="#c6c6c6",
        background="#121212",
        surface="#1a1a1a",
        panel="#303030",
        variables={"quiet": "#808080", **_MEMORY},
        dark=True,
    ),
    Theme(
        name="slotdeck-light",
        primary="#5f8faf",
        secondary="#3a6d6d",
        accent="#005f87",
        success="#3f6f1f",
        warning="#8f5f00",
        error="#af2f2f",
        foreground="#262626",
        background="#fafafa",
        surface="#f0f0f0",
        panel="#d0d0d0",
        variables={"quiet": "#6c6c6c", **_MEMORY},
        dark=False,
    ),
    Theme(
        name="slotdeck-contrast",
        primary="#5fafff",
        secondary="#5fd7d7",
        accent="#00ffff",
        success="#5fff5f",
        warning="#ffd700",
        error="#ff5f5f",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#444444",
        variables={"quiet": "#bcbcbc", **_MEMORY},
        dark=True,
    ),
)

RUN_INKS = ("#5f87d7", "#d7875f", "#87af5f", "#af87d7", "#afaf5f", "#5fafaf", "#d7708f", "#a0a0a0")
"""Of curves that lie over one another, on a dark ground."""
LIGHT_RUN_INKS = ("#2f5fb0", "#b0521f", "#4f7f1f", "#7f4fb0", "#77700f", "#1f7f7f", "#b03f67", "#606060")
"""The same on a light one."""

# Sixteen colours: each is one of a terminal's own, so that no two meanings become the same one.
_BLACK, _RED, _GREEN, _BROWN, _BLUE, _MAGENTA, _CYAN, _GREY = (
    "#000000", "#aa0000", "#00aa00", "#aa5500", "#0000aa", "#aa00aa", "#00aaaa", "#aaaaaa"
)  # fmt: skip
_DIM, _BRIGHT_RED, _BRIGHT_GREEN, _YELLOW, _BRIGHT_BLUE, _BRIGHT_CYAN, _WHITE = (
    "#555555", "#ff5555", "#55ff55", "#ffff55", "#5555ff", "#55ffff", "#ffffff"
)  # fmt: skip
_FEW_FOR_MEMORY = {
    "memory-weights": _BLUE,
    "memory-gradients": _CYAN,
    "memory-optimizer": _BROWN,
    "memory-activations": _MAGENTA,
    "memory-cache": _DIM,
}
_FEW = (
    Theme(
        name="slotdeck-dark",
        primary=_BRIGHT_BLUE,
        secondary=_CYAN,
        accent=_BRIGHT_CYAN,
        success=_GREEN,
        warning=_YELLOW,
        error=_BRIGHT_RED,
        foreground=_WHITE,
        background=_BLACK,
        surface=_BLACK,
        panel=_DIM,
        variables={"quiet": _GREY, **_FEW_FOR_MEMORY},
        dark=True,
    ),
    Theme(
        name="slotdeck-light",
        primary=_BLUE,
        secondary=_CYAN,
        accent=_MAGENTA,
        success=_GREEN,
        warning=_BROWN,
        error=_RED,
        foreground=_BLACK,
        background=_WHITE,
        surface=_WHITE,
        panel=_GREY,
        variables={"quiet": _DIM, **_FEW_FOR_MEMORY},
        dark=False,
    ),
    Theme(
        name="slotdeck-contrast",
        primary=_BRIGHT_BLUE,
        secondary=_CYAN,
        accent=_BRIGHT_CYAN,
        success=_BRIGHT_GREEN,
        warning=_YELLOW,
        error=_BRIGHT_RED,
        foreground=_WHITE,
        background=_BLACK,
        surface=_BLACK,
        panel=_DIM,
        variables={"quiet": _WHITE, **_FEW_FOR_MEMORY},
        dark=True,
    ),
)


def themes(color_system: str | None) -> tuple[Theme, ...]:
    """The themes for a terminal with so many colours: `standard` is sixteen."""
    return _FEW if color_system in ("standard", "windows") else THEMES
