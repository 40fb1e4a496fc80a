"""Results as HDF5: planned, written batch by batch, read again, merged without a copy."""
