"""How long a test waits for what has to come."""

PATIENCE_S = 240.0
"""Only a test that fails waits so long: a machine with twenty busy processes is slow, and that is no fault."""
