"""Trusted programs that run in a worker process on untrusted data: plain data in, plain data out.

A program is a function of one module here, named ``module.function`` in a call: it takes the payload and returns a
value that JSON can write. It may be slow, may hang and may eat memory: the pool kills it. It never runs in the process
of a caller. What it needs is imported at the top of its module: the pool loads that once, and no call pays for it. It
lets ``MemoryError``, ``RecursionError`` and ``SystemError`` pass: they are exhaustion, which the pool judges.
"""
