"""Claims of the papers on audits."""
