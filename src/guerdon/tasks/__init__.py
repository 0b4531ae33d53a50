"""Where prompts, gold answers and demonstrations come from."""
