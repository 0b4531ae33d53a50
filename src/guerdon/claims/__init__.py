"""Claims: the central sentence of a paper, tried at laptop scale against a baseline under the same budget."""
