"""Evidence terms of Veri-R1: overlap, coverage, and what follows from them and the label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon import build
from guerdon.providers.answers import answer
from guerdon.rewards.verifiers.answer_equal import answer_equal
from guerdon.rewards.verifiers.set_overlap import set_overlap

NO_INFO = "NOT ENOUGH INFO"


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our values under the names of the case's outputs."""
    inputs = case["inputs"]
    block = answer([inputs["text"]], extract="tag")[0]
    stated = re.search(r"Label:\s*(.*?)\s*(?:Evidence|\n|$)", block)
    label, wanted = stated[1] if stated else None, [inputs["gold_evidence"]]
    right = answer_equal([label], [inputs["gold_label"]]).score[0]
    overlap, validity, cover, exact = (
        set_overlap([block], wanted, form=form, items="brackets", empty=empty).score[0]
        for form, empty in (("jaccard", 0.0), ("half", 1.0), ("coverage", 1.0), ("exact", 0.0))
    )
    covered = float(cover == 1.0)
    free = inputs["gold_label"] == NO_INFO
    layout = build("tag_grammar/veri_r1")({"completion": [inputs["text"]]}).item()
    return {
        "label": right,
        "evidence_iou": overlap,
        "evidence_cover": covered,
        "veri_acc": right if free else right * covered,
        "joint_acc": right if free else right * exact,
        "prediction": {"label": label, "evidence": re.findall(r"\[\[(.*?)\]\]", block)},
        "format": layout,
        "total": 2 * right * validity + overlap + layout,
    }


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion("prediction*", lambda case: True, "parsed by the adapter itself, not by a method"),
)
TOLERANCE: dict[str, tuple[float, float]] = {}
