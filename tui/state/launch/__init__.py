"""A profile being changed before a run starts: what is wrong with it, what it comes to, the command line."""
