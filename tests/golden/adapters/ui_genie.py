"""The action matcher of UI-Genie's released evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon.records import Status, Task
from guerdon.rewards.verifiers.gui_action import OTHER_TYPE, gui_action

EXCLUDED: tuple[Exclusion, ...] = ()
TOLERANCE: dict[str, tuple[float, float]] = {}


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """Our verdict as the two flags of the release; an empty text matches everything there."""
    inputs = case["inputs"]
    said = "" if inputs["pred"] is None else json.dumps(inputs["pred"])
    screen = Task("case", "", fields={"width": inputs["width"], "height": inputs["height"]})
    found = gui_action(
        [said], [inputs["gold"]], [screen], reverse_swipe=inputs.get("reverse_swipe", True), empty_text="right"
    )
    same_type = found.status[0] is Status.SCORED and found.reason[0] != OTHER_TYPE
    return {"match": found.score[0] == 1.0, "type_match": same_type}
