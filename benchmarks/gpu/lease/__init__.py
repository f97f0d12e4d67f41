"""Everything that waits for a GPU, as one command within a time limit."""
