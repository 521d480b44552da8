"""What leaves a run: a checkpoint's model in a form that others read."""
