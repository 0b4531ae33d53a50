"""What computes signals from other signals."""
