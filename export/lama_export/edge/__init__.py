"""Engines of phones and of small machines: LiteRT and Core ML, written layer by layer."""
