"""Parity: measure -> judge -> record and table."""
