"""Two bundles layer by layer: which is the first that diverges."""
