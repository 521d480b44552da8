"""Children that work on a checkpoint beside the training: prune trials and exports."""
