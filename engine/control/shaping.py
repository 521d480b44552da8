"""Which commands shape the training: those that a resume and a rerun apply again at their steps."""

from __future__ import annotations

REPEATED_ON_RESUME = frozenset({"lr", "precision", "batch", "recompute", "policy", "pin", "ban", "release"})
"""Verbs that shape the training: a run resumed from before them meets them again at the same step."""
