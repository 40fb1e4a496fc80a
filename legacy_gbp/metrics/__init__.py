"""How good is a map, a gradient, a classification: arrays in, numbers out."""
