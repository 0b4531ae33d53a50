"""Warm, killable worker processes for trusted programs on untrusted data.

``pool`` is what callers see; ``engine`` the thread that owns the workers; ``batch`` what is to be done and by when;
``hand`` one worker as the caller sees it; ``wire`` the frames between them. ``zygote`` and ``worker`` run on the other
side, in processes that know nothing of the caller's memory.
"""
