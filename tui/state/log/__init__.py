"""What happened, as lines for people."""
