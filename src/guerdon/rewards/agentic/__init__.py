"""Rewards for trajectories with tools, calls and costs."""
