"""Where model-written code runs: isolated processes that get an input and give a plain value.

``protocol`` is what callers and other sandboxes share; ``channel`` answers calls; ``local`` is the sandbox of this
machine, made of ``lane`` (one warm process that forks a new one per run, seen from here), ``launch`` (how it is started
at each level of isolation) and ``court`` (whose fault a failure is). What is under ``inside`` runs on the other side.
"""
