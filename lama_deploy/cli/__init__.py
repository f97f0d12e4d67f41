"""The commands. Each module has a `main()`; `-h` works with nothing optional installed."""
