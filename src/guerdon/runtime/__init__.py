"""The slow and unsafe world: files, locks, seeds, checkpoints, and what this machine can do."""
