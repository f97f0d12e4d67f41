"""Parity: measure -> record -> table."""
