"""What goes wrong in a run that nobody watches: noticed, told once, and survived where it can be."""
