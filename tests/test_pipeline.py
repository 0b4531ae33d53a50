"""A recipe as a pipeline: what it builds, what it asks for, what it refuses, and its stages in order."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import MethodError, NumericsError, RecipeError, UnknownNameError
from guerdon.method import method
from guerdon.pipeline import Pipeline
from guerdon.recipe import load
from guerdon.records import Status, Task

ENGINE = frozenset((
    "prompt", "task", "gold", "group_id", "completion", "tokens", "mask", "truncated", "source", "rng", "logp",
    "old_logp", "ref_logp", "entropy", "old_entropy", "last",
))  # fmt: skip


pytestmark = pytest.mark.usefixtures("forget_methods")


def pipeline(provides=ENGINE, **data) -> Pipeline:
    base = {"task": "arithmetic", "reward": {"use": "answer_equal", "normalise": "number"}}
    answers = {"answer": {"extract": "answer_line"}}
    return Pipeline(load({**base, **data}), provides=provides, provider_params=answers)


def rows(*answers: str, gold: str = "7", group: int = 2) -> dict:
    n = len(answers)
    mask = torch.ones(n, 3, dtype=torch.bool)
    mask[1::2, 2] = False
    return {
        "completion": [f"A: {a}" for a in answers], "gold": [gold] * n, "mask": mask,
        "group_id": torch.arange(n) // group, "source": ["base"] * n,
        "task": [Task(f"t{i}", "3+4=", gold=gold, domain="hard" if i % 2 else "easy") for i in range(n)],
        "logp": torch.full((n, 3), -1.0), "old_logp": torch.full((n, 3), -1.0),
    }  # fmt: skip


# what is built


def test_presets_bring_their_aggregate():
    assert pipeline(advantage="dr_grpo").terms[0].aggregate.use == "fixed_length"
    assert pipeline(objective="gspo").terms[0].aggregate.use == "seq_mean_token_mean"
    assert pipeline(objective=[{"use": "gspo", "aggregate": "token_mean"}]).terms[0].aggregate.use == "token_mean"
    assert pipeline(advantage="dr_grpo", aggregate="row_sum").terms[0].aggregate.use == "row_sum"
    assert pipeline().terms[0].aggregate.use == "token_mean"


def test_the_constant_of_a_fixed_length_is_the_longest_completion():
    limited = pipeline(advantage="dr_grpo", rollout={"max_new_tokens": 24})
    assert limited.terms[0].aggregate.length == 24.0
    given = pipeline(aggregate={"use": "fixed_length", "length": 10}, rollout={"max_new_tokens": 24})
    assert given.terms[0].aggregate.length == 10.0
    mask = torch.ones(2, 6, dtype=torch.bool)
    assert limited.term_weights({"mask": mask})["clip"][0, 0].item() == pytest.approx(1 / (24 * 2))


def test_labels_are_unique():
    labels = [c.label for c in pipeline(reward=["answer_equal", "answer_equal", {"use": "length_penalty"}]).scoring()]
    assert labels == ["answer_equal", "answer_equal_2", "length_penalty"]


def test_only_what_is_asked_for_is_needed():
    plain = pipeline(objective="clip")
    assert plain.needs() == {"completion", "gold", "group_id", "mask", "logp", "old_logp"}
    assert "ref_logp" in pipeline(objective=["clip", "kl_penalty"]).needs_in_update()
    assert "entropy" in pipeline(objective=["clip", "entropy_bonus"]).needs_in_update()
    assert "entropy" not in plain.needs()
    assert "logp" not in plain.needs_before_update()


def test_stateful_methods_have_a_key_each():
    keys = pipeline(selection="group_filter", objective=["clip", "kl_penalty", "adaptive_coefficient"]).stateful()
    assert set(keys) == {"selection/group_filter", "objective/adaptive_coefficient"}


def test_statistics_over_the_batch_are_announced():
    assert not pipeline(objective=["clip", "kl_penalty"]).whole_batch
    assert pipeline(objective=["clip", "clip_cov"]).whole_batch


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"reward": []}, RecipeError, "no reward"),
        ({"advantage": []}, RecipeError, "no advantage"),
        ({"advantage": "clip"}, RecipeError, "not a advantage|not an advantage"),
        ({"objective": "clop"}, UnknownNameError, "did you mean 'clip'"),
        ({"aggregate": "token_men"}, UnknownNameError, "did you mean 'token_mean'"),
        ({"objective": [{"use": "clip", "aggregate": "mean"}]}, UnknownNameError, "clip.aggregate"),
        ({"providers": {"answr": {}}}, UnknownNameError, "providers.answr"),
        ({"providers": {"answer": {"extrct": "x"}}}, UnknownNameError, "providers.answer"),
        ({"advantage": [{"use": "grpo", "weight": 2.0}]}, RecipeError, "advantage.0.weight"),
        ({"objective": [{"use": "clip", "when": {"level": "hard"}}]}, RecipeError, "objective.0.when"),
        ({"reward": [{"use": "answer_equal", "on": ["clip"]}]}, RecipeError, "reward.0.on"),
        ({"objective": ["clip", {"use": "clip_cov", "on": ["clop"]}]}, UnknownNameError, "did you mean 'clip'"),
        ({"objective": ["clip", {"use": "clip_cov", "weight": 2.0}]}, RecipeError, "a mask has no weight"),
        ({"objective": ["clip", {"use": "clip_cov", "rows": ["base"]}]}, RecipeError, "a mask has no rows"),
        ({"objective": [{"use": "clip", "on": ["clip"]}]}, RecipeError, "acts on nothing"),
        ({"objective": ["value_loss"]}, RecipeError, "does not provide"),
        ({"reward": "os.system"}, RecipeError, "--allow-code"),
    ],
)
def test_mistakes_are_told_before_anything_runs(data, error, message):
    with pytest.raises(error) as caught:
        pipeline(**data)
    assert any(m in str(caught.value) for m in message.split("|"))


def test_a_reward_cannot_read_what_only_the_update_knows():
    @method(stage="reward")
    def too_early(entropy):
        """Reads the entropy of the policy that is being trained."""

    with pytest.raises(MethodError, match="cannot read 'entropy'") as caught:
        pipeline(reward="too_early")
    assert caught.value.fix == "ask for old_entropy"


# the stages in order


def test_rewards_shaping_and_advantages_in_order():
    p = pipeline(
        reward=[
            {"use": "answer_equal", "normalise": "number"},
            {"use": "length_penalty", "threshold": 2.0, "slope": 0.1, "weight": 0.5, "when": {"level": "easy"}},
        ]
    )
    f = p.frame(rows("7", "8", "7", "9"))
    scores = p.score(f)
    assert scores.names == ["answer_equal", "length_penalty"]
    # lengths 3, 2, 3, 2: rows 0 and 2 are easy and one token too long, so they lose 0.5 * 0.1
    assert f.get("aspects")[:, 0].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert f.get("status")[:, 1].tolist() == [Status.SCORED, Status.SKIPPED, Status.SCORED, Status.SKIPPED]
    penalty = f.get("aspects")[0, 1].item()
    assert f.get("reward").tolist() == pytest.approx([1 + 0.5 * penalty, 0.0, 1 + 0.5 * penalty, 0.0])
    assert penalty < 0
    advantage = p.advantage(f)
    assert advantage[0, 0] > 0 > advantage[1, 0]
    assert advantage[1, 2].item() == 0.0
    assert p.select(f).all()


def test_weights_are_schedules_over_the_run():
    ramp = {"schedule": "linear", "from": 0.0, "to": 1.0}
    p = pipeline(reward=[{"use": "answer_equal", "normalise": "number", "weight": ramp}])
    totals = []
    for step in (0, 5, 10):
        f = p.frame(rows("7"), step=step, total=10)
        p.score(f)
        totals.append(f.get("reward").item())
    # a reward of weight 0 is recorded only: with nothing else to add, the row has no total
    assert math.isnan(totals[0])
    assert totals[1:] == [0.5, 1.0]


def test_a_row_that_was_not_scored_has_no_part_in_its_group():
    @method(stage="reward")
    def flaky(completion):
        """A scorer that is away for one row."""
        return torch.tensor([1.0, math.nan, 0.0, 1.0, math.nan, math.nan])

    p = pipeline(reward="flaky")
    f = p.frame(rows(*"123456", group=3))
    p.score(f)
    advantage = p.advantage(f)
    # the first group has rewards 1 and 0: centred by their mean, the missing row is 0; the second has one score
    assert advantage[:, 0].sign().tolist() == [1, 0, -1, 0, 0, 0]


def test_an_infinite_reward_names_reward_and_task():
    @method(stage="reward")
    def broken(completion):
        """Divides by zero."""
        return torch.tensor([0.0, math.inf])

    p = pipeline(reward="broken")
    with pytest.raises(NumericsError, match="reward broken") as caught:
        p.score(p.frame(rows("1", "2")))
    assert "t1" in str(caught.value.seen)


def test_an_advantage_that_is_not_finite_names_its_rows():
    @method(stage="advantage")
    def exploding(reward, mask):
        """Not finite on one row."""
        return torch.where(mask, torch.tensor([0.0, math.inf])[:, None], torch.nan)

    p = pipeline(advantage="exploding")
    f = p.frame(rows("7", "8"))
    p.score(f)
    with pytest.raises(NumericsError, match="exploding") as caught:
        p.advantage(f)
    assert caught.value.seen == "rows [1]"


def test_an_advantage_has_no_gradient():
    p = pipeline()
    f = p.frame(rows("7", "8"))
    p.score(f)
    assert not p.advantage(f).requires_grad


def test_a_controller_writes_its_coefficient_once_per_step():
    calls = []

    @method(stage="objective", role="coefficient", writes=("kl_coef",))
    def counting(last):
        """Counts its calls."""
        calls.append(1)
        return torch.tensor(0.5)

    p = pipeline(objective=["clip", "kl_penalty", "counting"])
    values = {**rows("7", "8"), "ref_logp": torch.full((2, 3), -1.5), "last": torch.tensor(0.0)}
    f = p.frame(values)
    p.score(f)
    p.advantage(f)
    assert {k: v.item() for k, v in p.coefficients(f).items()} == {"kl_coef": 0.5}
    loss = p.loss(f, p.term_weights(values))
    assert len(calls) == 1
    assert "loss/counting" not in loss.logs
    # k3 of a log-ratio of -0.5 at ref: exp(-0.5) - (-0.5) - 1
    k3 = math.exp(-0.5) + 0.5 - 1
    assert loss.logs["loss/kl_penalty"].item() == pytest.approx(0.5 * k3, rel=1e-4)


def test_clip_cov_drops_decisions_of_the_policys_loss_alone():
    wide = {"use": "clip", "low": 0.9, "high": 0.9}  # so that clip_cov finds decisions that are not clipped yet
    p = pipeline(objective=[wide, {"use": "clip_cov", "fraction": 1.0, "low": 0.0}, "kl_penalty"])
    values = {**rows("7", "8"), "ref_logp": torch.full((2, 3), -1.5), "rng": torch.Generator()}
    values["logp"] = torch.tensor([[-0.5, -1.5, -1.0], [-1.5, -0.5, -1.0]])
    f = p.frame(values)
    p.score(f)
    advantage = p.advantage(f)
    loss = p.loss(f, p.term_weights(values))
    mean = advantage[values["mask"]].mean()
    covariance = (values["logp"] - values["logp"][values["mask"]].mean()) * (advantage - mean)
    kept = (covariance <= 0) | (f.get("clipped"))
    assert loss.logs["weight/clip_cov"].item() == pytest.approx((kept & values["mask"]).sum().item() / 5)
    assert not kept.all()
    alone = pipeline(objective=[wide, "kl_penalty"]).loss(f, p.term_weights(values))
    assert alone.logs["loss/kl_penalty"].item() == loss.logs["loss/kl_penalty"].item()
    assert alone.logs["loss/clip"].item() != loss.logs["loss/clip"].item()


def test_the_sum_of_the_rewards_may_be_replaced():
    p = pipeline(reward=["answer_equal", "length_penalty"], advantage="gdpo", shaping=[])
    assert [c.card.name for c in p.shaping] == ["weighted_sum"]
    named = pipeline(
        reward=["answer_equal", "length_penalty"], shaping=[{"use": "weighted_sum", "weights": [1.0, 2.0]}]
    )
    assert len(named.shaping) == 1


def test_an_objective_may_have_an_advantage_of_its_own():
    built = pipeline(
        advantage="rloo",
        objective=[
            "clip",
            {"use": "reinforce", "weight": 0.5, "advantage": [{"use": "grpo", "scale": "none"}, "whiten"]},
        ],
    )
    frame = built.frame(rows("7", "8", "8", "8"))
    built.score(frame)
    main = built.advantage(frame)
    torch.testing.assert_close(main[:2, 0], torch.tensor([1.0, -1.0]))
    own = frame.get("advantage/reinforce")
    torch.testing.assert_close(own[own != 0].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert not torch.equal(main, own)
    values = frame.rows(torch.tensor([0, 1]), 4)
    assert values["advantage/reinforce"].shape == (2, 3)
    loss = built.loss(frame, built.term_weights(rows("7", "8", "8", "8")))
    # reinforce alone: minus the weighted mean of advantage times log-prob, which is -1 everywhere
    mask = frame.get("mask")
    torch.testing.assert_close(loss.logs["loss/reinforce"], own[mask].mean())
    assert "advantage/reinforce" not in built.needs()


def test_an_advantage_for_an_objective_that_reads_none_is_refused():
    with pytest.raises(RecipeError, match="reads none"):
        pipeline(objective=["clip", {"use": "entropy_bonus", "advantage": "grpo"}])
