"""The pages over a deck: what they share, how they are opened, and the page of memory."""
