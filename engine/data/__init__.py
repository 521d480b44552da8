"""From files of text to token shards, and from shards to the batches of a step."""
