"""The engine: trains, tells all of it to its log, and does not know who looks."""
