"""What lies in a run folder, by name. Each file's own module knows what is in it."""

from __future__ import annotations

PROFILE = "profile.toml"
"""The resolved profile: every setting."""
LOG = "log"
"""Folder of the log's segments."""
CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints, each a folder."""
ARTIFACTS = "artifacts"
"""Folder of what was made from the run: exports, trials, measurements."""
