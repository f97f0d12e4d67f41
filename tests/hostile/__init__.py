"""Hostile input of every kind: what is refused in one line, and what must never happen whatever a file holds."""
