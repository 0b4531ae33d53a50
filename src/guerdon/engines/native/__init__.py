"""The laptop engine: real causal language models on a CPU or one GPU."""
