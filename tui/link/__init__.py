"""Runs as the cockpit reaches them: logs read, engines spoken to. Nothing here draws."""
