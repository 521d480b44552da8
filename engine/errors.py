"""The one error a user can mend, and how it is shown."""

from __future__ import annotations


class SlotdeckError(Exception):
    """Something the user can fix: what is wrong and where, and the remedy.

    The command line prints it as one line and exits with `exit_code`; no traceback is shown.
    Anything only we can break is an `assert` with a sentence instead.
    """

    code = "bad-value"
    """Stable, for scripts: of a command that is refused for it."""

    def __init__(self, message: str, remedy: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        """What is wrong, naming the file, key or place."""
        self.remedy = remedy
        """What to do about it, as an imperative; may be empty."""
        self.exit_code = exit_code

    def __str__(self) -> str:
        """One line: the message, then the remedy after a semicolon."""
        line = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return " ".join(line.split())


def nearest(word: str, choices: list[str]) -> str:
    """`" (did you mean 'x'?)"` for the closest choice, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
