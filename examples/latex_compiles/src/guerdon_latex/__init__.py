"""A verifier for guerdon, in a package of its own: does a LaTeX snippet compile?"""
