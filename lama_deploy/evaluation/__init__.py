"""Measuring inpainters as the paper does: test sets, metrics, tables. Needs the extra `evaluate`."""
