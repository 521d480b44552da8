"""The page of all that happened: lines, what narrows them, searching, and taking them along."""
