"""What draws: each widget shows a frozen view that it is given, and says what the mouse did."""
