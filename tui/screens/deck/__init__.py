"""The run on a deck of panels: live as the cockpit, recorded as the replay."""
