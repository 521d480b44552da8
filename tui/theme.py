"""The cockpit's colours, dark, light and of high contrast: one meaning each, the first two quiet."""

from __future__ import annotations

from textual.theme import Theme

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
        variables={"quiet": "#808080"},
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
        variables={"quiet": "#6c6c6c"},
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
        variables={"quiet": "#bcbcbc"},
        dark=True,
    ),
)
