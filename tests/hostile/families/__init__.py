"""Kinds of input under attack: a module each, as `tests.hostile.family` describes it."""
