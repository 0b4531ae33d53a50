"""Verifiers: completions to verdicts, a score in [0, 1] with status and reason."""

from __future__ import annotations

from guerdon.rewards.verifiers.answer_equal import answer_equal
from guerdon.rewards.verifiers.block_match import block_match
from guerdon.rewards.verifiers.box_iou import box_iou
from guerdon.rewards.verifiers.code_function import code_function
from guerdon.rewards.verifiers.code_stdio import code_stdio
from guerdon.rewards.verifiers.code_unit_tests import code_unit_tests
from guerdon.rewards.verifiers.contains_all import contains_all
from guerdon.rewards.verifiers.edit_similarity import edit_similarity
from guerdon.rewards.verifiers.gui_action import gui_action
from guerdon.rewards.verifiers.instruction_constraints import instruction_constraints
from guerdon.rewards.verifiers.json_schema import json_schema
from guerdon.rewards.verifiers.math import math
from guerdon.rewards.verifiers.math_string import math_string
from guerdon.rewards.verifiers.multiple_choice import multiple_choice
from guerdon.rewards.verifiers.numeric_close import numeric_close
from guerdon.rewards.verifiers.numeric_range import numeric_range
from guerdon.rewards.verifiers.point_in_box import point_in_box
from guerdon.rewards.verifiers.regex_match import regex_match
from guerdon.rewards.verifiers.set_overlap import set_overlap
from guerdon.rewards.verifiers.sql import sql
from guerdon.rewards.verifiers.table import table
from guerdon.rewards.verifiers.task_oracle import task_oracle
from guerdon.rewards.verifiers.task_rule import task_rule
from guerdon.rewards.verifiers.text_overlap import text_overlap
from guerdon.rewards.verifiers.token_f1 import token_f1
from guerdon.rewards.verifiers.tool_call_match import tool_call_match
from guerdon.rewards.verifiers.unit_quantity import unit_quantity

__all__ = [
    "answer_equal", "block_match", "box_iou", "code_function", "code_stdio", "code_unit_tests", "contains_all",
    "edit_similarity", "gui_action", "instruction_constraints", "json_schema", "math", "math_string",
    "multiple_choice", "numeric_close", "numeric_range", "point_in_box", "regex_match", "set_overlap", "sql", "table",
    "task_oracle", "task_rule", "text_overlap", "token_f1", "tool_call_match", "unit_quantity",
]  # fmt: skip
