"""Rewards: rollouts to scores with a status."""
