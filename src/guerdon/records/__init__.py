"""One data model on disk and in memory: tasks, rollouts, scores, findings."""

from guerdon.records.calls import Call, Outcome, Reply
from guerdon.records.model import (
    ChecklistItem,
    Finding,
    Rollout,
    Score,
    Status,
    Step,
    Task,
    ToolCall,
    Turn,
    Verdict,
)

__all__ = [
    "Call", "ChecklistItem", "Finding", "Outcome", "Reply", "Rollout", "Score", "Status", "Step", "Task",
    "ToolCall", "Turn", "Verdict",
]  # fmt: skip
