"""The batch queue: its variables, shards of the files, signals, requeueing, ranks."""
