"""The run's log on disk: written once by the engine, read by everybody. No torch, no numpy.

The bytes are specified in docs/runlog.md.
"""
