"""Rewards by name on rows from anywhere: files, stored runs, lists in Python, the trainers of other packages."""
