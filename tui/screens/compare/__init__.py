"""Compare: runs laid over one another, and choosing which."""
