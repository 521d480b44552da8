"""Keys of the screen that compares runs."""

from __future__ import annotations

from tui.keys.key import Key, Place

_C: tuple[Place, ...] = ("compare",)

KEYS: tuple[Key, ...] = (
    Key("X", "X", "next_axis", "x axis", "Line the runs up by steps, tokens or time", _C, "Compare", bar=1),
    Key("tab", "tab", "next_quantity(1)", "next chart", "Loss, its mean, validation, lr, gradient norm, speed", _C,
        "Compare", bar=2),
    Key("shift+tab", "shift+tab", "next_quantity(-1)", "last chart", "The same, backwards", _C, "Compare"),
    Key("v", "v", "next_pane", "profiles", "Figures, differences of the profiles, or what the operators did", _C,
        "Compare", bar=3),
    Key("plus,equals_sign,a", "+ or a", "choose", "add runs", "Choose the runs that are compared", _C, "Compare",
        bar=4),
    Key("1,2,3,4,5,6,7,8", "1-8", "digit", "base", "The run that the others are compared with", _C, "Compare", bar=6),
    Key("i", "i", "inspect", "inspect", "A crosshair, moved by ← and →; esc lets go of it", _C, "Charts", bar=5),
    Key("left", "←", "aside(-1)", "left", "The crosshair to the left", _C, "Charts"),
    Key("right", "→", "aside(1)", "right", "The crosshair to the right", _C, "Charts"),
    Key("shift+left", "shift+←", "far_aside(-1)", "left", "The crosshair a tenth of the chart back", _C, "Charts"),
    Key("shift+right", "shift+→", "far_aside(1)", "right", "The crosshair a tenth of the chart on", _C, "Charts"),
    Key("enter", "enter", "look_here", "here", "Closer to the crosshair", _C, "Charts"),
    Key("j", "j", "smoothing", "smooth", "A running mean over each curve: 0.6, 0.9, 0.99, 0.999, none", _C, "Charts",
        bar=7),
    Key("y", "y", "log_scale", "log y", "Logarithmic or linear axis", _C, "Charts", bar=8),
    Key("up", "↑", "magnify(2)", "closer", "Half as much, around the crosshair or the newest", _C, "Charts"),
    Key("down", "↓", "magnify(0.5)", "wider", "Twice as much", _C, "Charts"),
    Key("w", "w", "window", "window", "All of it, or the last thousand, hundred ...", _C, "Charts"),
    Key("less_than_sign", "<", "pan(-0.5)", "back", "Half of what is shown back", _C, "Charts"),
    Key("greater_than_sign", ">", "pan(0.5)", "on", "Half of what is shown on", _C, "Charts"),
    Key("pagedown", "pgdn", "page_down", "down", "Further down in what is below the curves", _C, "View"),
    Key("pageup", "pgup", "page_up", "up", "Further up in it", _C, "View"),
    Key("escape", "esc", "put_away", "let go", "Let go of the crosshair; without one, back", _C, "View"),
    Key("q", "q", "leave", "back", "Back to where you were", _C, "View", bar=12),
)  # fmt: skip
