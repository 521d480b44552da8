"""Checkpoints: saved whole or not at all, checked before they are believed, kept while they are needed."""
