"""The common checks every method passes, read from its card and signature: joining costs no code per method."""
