"""Files and the terminal: atomic writes, HDF5, checkpoints, digests, prefetching, progress."""
