"""The page of slots: the table, one slot in full, and holding, releasing and pruning on it."""
