"""Verifiers: completions to verdicts, a score in [0, 1] with status and reason."""
