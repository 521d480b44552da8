"""What every test of the cockpit shares."""

from quiet import quiet_is_seen_and_not_guessed  # noqa: F401
