"""Claims of the papers on entropy."""
