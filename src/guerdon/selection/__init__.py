"""Which tasks and samples are trained on.

A filter returns ``keep``, a boolean per row: rows that are False leave the batch before the advantage is computed.
"""

from __future__ import annotations

from guerdon.selection.group_filter import GroupFilter
from guerdon.selection.mix_rollouts import mix_rollouts
from guerdon.selection.replay_buffer import ReplayBuffer
from guerdon.selection.sample_filter import sample_filter

__all__ = ["GroupFilter", "ReplayBuffer", "mix_rollouts", "sample_filter"]
