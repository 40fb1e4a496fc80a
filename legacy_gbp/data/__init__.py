"""Images and labels as arrays: XTCAV files, pictures, batches, truth, synthetic shots."""
