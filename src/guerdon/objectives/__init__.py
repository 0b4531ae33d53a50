"""Log-probs and advantages to per-decision losses; ``aggregate`` reduces them."""
