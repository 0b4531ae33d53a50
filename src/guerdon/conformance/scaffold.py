"""What ``guerdon new`` writes: a documented method that runs, and its test.

The body of the skeleton is a placeholder. Its docstring states the formula and one worked example by hand, so that
exactly one property is red after generation: ``example``. Writing the formula turns it green; every other property
of the suite holds from the first minute and guards the change.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.signals import SIGNALS

RED = "example"


@dataclass(frozen=True)
class Skeleton:
    """The parts of a source file that differ between stages."""

    imports: str
    decorator: str
    inputs: str
    returns: str
    sentence: str
    equation: str
    args: str
    result: str
    example: str
    placeholder: str


_TYPING = "from jaxtyping import {}\nfrom torch import Tensor\n\nfrom guerdon.method import method\n"
_ROW, _GRID = 'Float[Tensor, " batch"]', 'Float[Tensor, "batch time"]'

SKELETONS: dict[str, Skeleton] = {
    "reward": Skeleton(
        "from collections.abc import Sequence\n\nimport torch\n" + _TYPING.format("Float"), 'stage="reward"',
        "    completion: Sequence[str],\n    *,\n    per_word: float = 0.1,\n", _ROW,
        "Pay every word of the completion.", r"R_i = c \cdot \mathrm{words}_i",
        "completion: generated text.\n        per_word: reward :math:`c` of one word.", "One score per completion.",
        '[round(v, 4) for v in {name}(["two words"]).tolist()]\n        [0.2]',
        "torch.zeros(len(completion))",
    ),
    "verifier": Skeleton(
        "from collections.abc import Sequence\n\nfrom guerdon.method import Policy, method\n"
        "from guerdon.records.model import Verdict\n",
        'stage="verifier", policy=Policy(several="The last counts.", empty="Floor.", copied="Like any other.")',
        "    completion: Sequence[str],\n    gold: Sequence[str],\n", "Verdict",
        "Accept a completion that ends with the reference answer.",
        r"s_i = \mathbb{{1}}[\text{{completion}}_i \text{{ ends with }} \text{{gold}}_i]",
        "completion: generated text.\n        gold: reference answer.", "Score 0 or 1 with a status per completion.",
        '{name}(["it is 42", "it is 41"], ["42", "42"]).score\n        [1.0, 0.0]',
        "Verdict.of([0.0 for _ in completion])",
    ),
    "process reward": Skeleton(
        "import torch\n" + _TYPING.format("Bool, Float"), 'stage="process reward"',
        '    step_score: Float[Tensor, "batch step"],\n    step_mask: Bool[Tensor, "batch step"],\n',
        'Float[Tensor, "batch step"]', "Pay half of the score of each step.", r"r_{{ik}} = \tfrac12 s_{{ik}}",
        "step_score: score of each step, any unit.\n        step_mask: steps that exist.",
        "Reward per step, 0 where there is none.",
        "{name}(torch.tensor([[2.0, 4.0]]), torch.tensor([[True, True]])).tolist()\n        [[1.0, 2.0]]",
        "torch.where(step_mask, torch.zeros_like(step_score), torch.zeros_like(step_score)).detach()",
    ),
    "shaping": Skeleton(
        "import torch\n" + _TYPING.format("Float"), 'stage="shaping"',
        f"    reward: {_ROW},\n    *,\n    bound: float = 1.0,\n", _ROW,
        "Clip rewards to a band.", r"\tilde R_i = \mathrm{{clip}}(R_i, -b, b)",
        "reward: one score per row, any unit; NaN = not scored.\n        bound: half width :math:`b` of the band, in"
        " units of the reward.", "The shaped reward; NaN stays NaN.",
        "{name}(torch.tensor([3.0, 0.5])).tolist()\n        [1.0, 0.5]", "reward.clone()",
    ),
    "advantage": Skeleton(
        "import torch\n" + _TYPING.format("Bool, Float, Int") + "from guerdon.ops.groups import broadcast, groups\n",
        'stage="advantage", scope="group", traits=("shift_invariant",)',
        f'    reward: {_ROW},\n    group_id: Int[Tensor, " batch"],\n    mask: Bool[Tensor, "batch time"],\n', _GRID,
        "Reward minus the mean of its group.", r"A_i = R_i - \mathrm{{mean}}_g(R)",
        "reward: one score per row, any unit; NaN = not scored.\n        group_id: rows of one prompt share it."
        "\n        mask: the policy's own decisions.",
        "The advantage of each row on its decisions, 0 elsewhere; 0 for rows that were not scored.",
        "m = torch.ones(2, 1, dtype=torch.bool)\n        >>> {name}(torch.tensor([1.0, 0.0]), torch.tensor([7, 7]), m)"
        "[:, 0].tolist()\n        [0.5, -0.5]",
        "broadcast(groups(group_id, reward).scored.to(reward.dtype) * 0.0, mask)",
    ),
    "token_loss": Skeleton(
        "import torch\n" + _TYPING.format("Float"), 'stage="objective", role="token_loss"',
        f"    log_ratio: {_GRID},\n    advantage: {_GRID},\n", _GRID,
        "Importance-weighted policy gradient.", r"\ell = -A\, e^{{\log\pi - \log\pi_{{old}}}}",
        "log_ratio: log importance ratio per decision, nats.\n        advantage: detached, any unit.",
        "Loss per decision.",
        "{name}(torch.zeros(1, 2), torch.tensor([[2.0, -1.0]])).tolist()\n        [[-2.0, 1.0]]",
        "torch.zeros_like(log_ratio * advantage)",
    ),
    "weight": Skeleton(
        "import torch\n" + _TYPING.format("Float"), 'stage="objective", role="weight"',
        f"    log_ratio: {_GRID},\n    *,\n    cap: float = 2.0,\n", _GRID,
        "Importance ratio with a cap, as a weight.", r"w = \min(e^{{\log\pi - \log\pi_{{old}}}}, c)",
        "log_ratio: log importance ratio per decision, nats; enters detached.\n        cap: largest weight :math:`c`.",
        "Weight per decision, not negative.",
        "{name}(torch.tensor([[0.0, 5.0]])).tolist()\n        [[1.0, 2.0]]",
        "torch.ones_like(log_ratio).clamp(max=cap)",
    ),
    "mask": Skeleton(
        "import torch\n" + _TYPING.format("Bool, Float"), 'stage="objective", role="mask"',
        f"    log_ratio: {_GRID},\n    *,\n    bound: float = 1.0,\n", 'Bool[Tensor, "batch time"]',
        "Keep decisions whose log-ratio is small.", r"k = \mathbb{{1}}[|\log\pi - \log\pi_{{old}}| \le b]",
        "log_ratio: log importance ratio per decision, nats.\n        bound: largest kept magnitude :math:`b`, nats.",
        "True where the decision is kept.",
        "{name}(torch.tensor([[0.5, -2.0]])).tolist()\n        [[True, False]]",
        "torch.ones_like(log_ratio, dtype=torch.bool)",
    ),
    "penalty": Skeleton(
        "import torch\n" + _TYPING.format("Bool, Float") + "from guerdon.ops.masked import masked_mean\n",
        'stage="objective", role="penalty", scope="update_batch"',
        f'    logp: {_GRID},\n    mask: Bool[Tensor, "batch time"],\n    *,\n    coef: float = 1.0,\n',
        'Float[Tensor, ""]',
        "Mean negative log-prob of the decisions.", r"P = -c\, \mathrm{{mean}}_m(\log\pi)",
        "logp: log-prob of the decision, nats.\n        mask: the policy's own decisions.\n"
        "        coef: factor :math:`c`.", "A scalar, added to the loss.",
        "{name}(torch.tensor([[-1.0, -3.0]]), torch.tensor([[True, True]])).item()\n        2.0",
        "coef * masked_mean(torch.zeros_like(logp), mask)",
    ),
    "coefficient": Skeleton(
        "import torch\n" + _TYPING.format("Float"),
        'stage="objective", role="coefficient", scope="rollout_batch", writes=("kl_coef",)',
        f"    kl: {_ROW},\n    *,\n    coef: float = 0.1,\n    target: float = 6.0,\n", 'Float[Tensor, ""]',
        "Raise the coefficient with the mean divergence.", r"\beta = c \cdot \mathrm{{mean}}(KL) / t",
        "kl: divergence per row, nats.\n        coef: coefficient :math:`c` on target.\n"
        "        target: wanted divergence :math:`t`, nats.", "The coefficient, a scalar.",
        "round({name}(torch.tensor([12.0, 12.0])).item(), 4)\n        0.2",
        "torch.zeros_like(kl.mean()) * (coef / target)",
    ),
    "preference loss": Skeleton(
        "import torch\n" + _TYPING.format("Float"), 'stage="preference loss", role="pair"',
        '    chosen_score: Float[Tensor, " pair"],\n    rejected_score: Float[Tensor, " pair"],\n',
        'Float[Tensor, " pair"]', "Hinge on the margin of a pair.", r"\ell = \max(0, 1 - (s_w - s_l))",
        "chosen_score: score of the better side, any unit.\n        rejected_score: score of the worse side.",
        "Loss per pair.",
        "{name}(torch.tensor([2.0]), torch.tensor([1.5])).tolist()\n        [0.5]",
        "torch.zeros_like(chosen_score - rejected_score)",
    ),
    "selection": Skeleton(
        "import torch\n" + _TYPING.format("Bool, Float"), 'stage="selection"',
        f"    reward: {_ROW},\n    *,\n    low: float = 0.0,\n", 'Bool[Tensor, " batch"]',
        "Keep rows whose reward is high enough.", r"k_i = \mathbb{{1}}[R_i \ge b]",
        "reward: one score per row, any unit; NaN = not scored, never kept.\n        low: least reward :math:`b`.",
        "True for the rows to train on.",
        "{name}(torch.tensor([1.0, -1.0])).tolist()\n        [True, False]",
        "~torch.isnan(reward)",
    ),
}  # fmt: skip
ROLES = ("token_loss", "weight", "mask", "penalty", "coefficient")

_SOURCE = '''"""{sentence}"""

from __future__ import annotations

{imports}

@method({decorator}, default_source="ours")
def {name}(
{inputs}) -> {returns}:
    r"""{sentence}

    .. math:: {equation}

    Args:
        {args}

    Returns:
        {result}

    Example:
        >>> {example}

    Source: where the formula comes from, with the number of its equation.
    Differs: what is done in another way there, and why.
    """
    # replace this by the formula above: until then `guerdon check` shows the property "example" in red
    return {placeholder}
'''

_TEST = '''"""The common properties of {name}; add worked numbers of your own below."""

from __future__ import annotations

from pathlib import Path

import pytest

from guerdon.conformance.check import check
from guerdon.conformance.checks import CHECKS

SOURCE = Path(__file__).with_name("{name}.py")


@pytest.mark.parametrize("name", [c.name for c in CHECKS])
def test_property(name: str) -> None:
    report = check(SOURCE, only=[name])
    assert report.ok, report.text()
'''


def stages() -> list[str]:
    """What can be asked for: stages, and the roles of objectives.

    Example:
        >>> "advantage" in stages(), "token_loss" in stages()
        (True, True)
    """
    return [*SKELETONS]


def source(stage: str, name: str, *, role: str | None = None) -> str:
    """Text of the source file.

    Args:
        stage: a stage, or ``objective`` with a role, or the role alone.
        name: the method's name, a Python identifier in lower case.
        role: role of an objective; ``token_loss`` when not given.

    Raises:
        UnknownNameError: no skeleton exists for the stage or role.
        RecipeError: the name is no identifier, or is a signal's name.
    """
    key = (
        (role or "token_loss") if stage == "objective" else stage.replace("_", " ").replace("token loss", "token_loss")
    )
    if key not in SKELETONS or (role is not None and key not in ROLES):
        raise UnknownNameError("stage", role or stage, ["objective", *SKELETONS], where="new")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise RecipeError("a method's name is lower case with underscores", where="new", seen=name,
                          fix="for example my_method")  # fmt: skip
    if name in SIGNALS:
        raise RecipeError("that name is a signal of the vocabulary", where="new", seen=name, fix=f"my_{name}")
    parts = vars(SKELETONS[key])
    texts = {"equation": parts["equation"].replace("{{", "{").replace("}}", "}"),
             "example": parts["example"].format(name=name)}  # fmt: skip
    return _SOURCE.format(**{**parts, **texts, "name": name})


def write(stage: str, name: str, folder: str | Path = ".", *, role: str | None = None) -> list[Path]:
    """Write the source and the test into a folder of the user.

    Returns:
        The two paths.

    Raises:
        RecipeError: a file of that name exists; nothing is overwritten.
    """
    text = source(stage, name, role=role)
    root = Path(folder)
    paths = [root / f"{name}.py", root / f"test_{name}.py"]
    for path in paths:
        if path.exists():
            raise RecipeError("the file exists and is not overwritten", where="new", seen=str(path),
                              fix="choose another name or remove it")  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    paths[0].write_text(text, "utf-8")
    paths[1].write_text(_TEST.format(name=name), "utf-8")
    return paths
