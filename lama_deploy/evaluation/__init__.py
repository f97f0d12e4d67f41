"""Measuring inpainters as the paper does: test sets, metrics, tables. Needs `pip install lama-deploy[evaluate]`."""
