"""`slotdeck export-run`: what a run's log holds, for other programs. One file a format; `tables` is what they share."""
