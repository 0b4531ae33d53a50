"""Policy losses, KL and value terms."""
