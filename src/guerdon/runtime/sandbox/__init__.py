"""Where model-written code runs: isolated processes that get an input and give a plain value.

``protocol`` is what callers and other sandboxes share; ``channel`` answers calls; ``local`` is the sandbox of this
machine and decides whose fault a failure is. ``lane`` is one warm process that forks a new one per run, seen from here,
``launch`` how it is started at each level of isolation, ``run`` one such run, ``orders`` what it is told, ``verdict``
what came of it; ``probe`` tries all that out for ``guerdon doctor``. What is under ``inside`` runs on the other side.
"""
