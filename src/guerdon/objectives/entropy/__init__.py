"""Entropy terms, masks and thermostats."""
