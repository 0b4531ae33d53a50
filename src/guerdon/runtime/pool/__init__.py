"""Warm, killable worker processes for trusted programs on untrusted data.

``pool`` is what callers see; ``engine`` the thread that hands out calls; ``batch`` what is to be done and by when;
``court`` whose fault a failure is; ``crew`` the workers, ``hand`` one of them, ``watch`` its clocks; ``helper`` the
line to the process that makes them; ``wire`` the frames on every line. ``zygote`` and ``worker`` run on the other side,
in processes that know nothing of the caller's memory.
"""
