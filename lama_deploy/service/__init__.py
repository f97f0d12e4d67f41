"""lama-serve: models behind HTTP, and the page to paint on."""
