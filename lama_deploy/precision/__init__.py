"""Range folding: values are measured, scales chosen and folded into the weights."""
