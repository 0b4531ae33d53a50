"""Returns to per-decision advantages: estimators, and transforms that take an advantage in."""
