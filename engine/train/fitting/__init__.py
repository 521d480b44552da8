"""Suiting a run to its machine: the micro-batch that fits, compiling, threads, which activations are kept."""
