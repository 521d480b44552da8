"""What the tests of faults share."""

from quiet import quiet_is_seen_and_not_guessed  # noqa: F401
