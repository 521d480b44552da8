"""What each command does to a run: judged, answered, and carried out at a step boundary."""
