"""Home: the runs there are, the profiles that can be started, and keeping the folder in order."""
