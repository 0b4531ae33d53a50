"""The released content and style rewards of RLVRR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.golden.support import Exclusion

from guerdon.ops.subsequence import lcs_length
from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Task
from guerdon.rewards.reference.keyword_chain import keyword_chain
from guerdon.rewards.rules.weighted_checks import weighted_checks
from guerdon.runtime.sandbox.protocol import CaseOutcome, CaseResult

Case = Mapping[str, Any]


def _unreadable(case: Case) -> bool:
    return "content_reward" in case["outputs"] and _content(case["inputs"]) != _content(case["inputs"])


EXCLUDED: tuple[Exclusion, ...] = (
    Exclusion(
        output="content_reward",
        when=_unreadable,
        reason="key points or a reference that cannot be read score 0 in the release; here the row is unscored, "
        "because the completion is not at fault",
        whole_case=True,
    ),
)
# our rewards are float32
TOLERANCE: dict[str, tuple[float, float]] = {"*": (1e-6, 1e-7)}


def run(case: Case) -> dict[str, Any]:
    """Our values under the names of the case's outputs."""
    inputs, names = case["inputs"], list(case["outputs"])
    if "lcs_len" in names:
        return {"lcs_len": lcs_length(inputs["a"], inputs["b"])}
    if "content_reward" in names:
        return {"content_reward": _content(inputs)}
    return {name: _style(inputs) for name in names}


def _content(inputs: Case) -> float:
    task = Task("1", "", fields={"keypoints": inputs["keypoint_keywords"]})
    return keyword_chain([inputs["answer"]], [inputs["reference"]], [task]).item()


def _style(inputs: Case) -> float:
    """Only the outcomes of the checks are given: every check is a program whose result is what the case says."""
    results = inputs["check_results"]
    weights = next(v for k, v in inputs.items() if k != "check_results" and isinstance(v, list))
    checks = [{"program": f"# check {k}", "weight": w} for k, w in enumerate(weights)]
    replies = [
        CaseResult(CaseOutcome.RAISED, error="ValueError: as the case says")
        if r == "raises"
        else CaseResult(CaseOutcome.RETURNED, r)
        for r in results
    ]
    exchange = weighted_checks.exchange([inputs.get("answer", "")], [Task("1", "", fields={"checks": checks})])
    return drive(exchange, lambda calls: [Reply(Outcome.DONE, [r]) for r in replies]).item()
