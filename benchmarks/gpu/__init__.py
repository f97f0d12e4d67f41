"""All that waits for a GPU: stages, timing, records, tables."""
