"""A whole generator on a GPU."""
