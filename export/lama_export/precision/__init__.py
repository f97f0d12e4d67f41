"""Half precision and int8: measured ranges, folding, what is left out."""
