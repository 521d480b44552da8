"""What a run is: the schema, loading with errors that name file and key, cross-checks, derived numbers."""
