"""How an image is given to a backend that cannot take it whole."""
