"""Pipelines: long jobs, how far each is and when it will be done."""
