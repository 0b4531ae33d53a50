"""Claims of the papers on advantages."""
