"""Recipes of STEER, the entropy discriminator and spurious rewards: they build, and their parts meet as meant."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.engines.native.run import PROVIDES, prepare
from guerdon.recipe import load

SMALL = ["policy.hidden=16", "policy.layers=1", "policy.heads=2"]


def built(name, *changes):
    return prepare(load(name, [*SMALL, *changes]))


@pytest.mark.parametrize("name", ["steer", "entropy-discriminator-clip", "clipping-spurious"])
def test_the_recipe_builds(name):
    data, policy, pipeline = built(name)
    assert pipeline.needs() <= PROVIDES
    assert len(data.train)
    assert policy.window > 0


def gradient(pipeline, p: list[float], entropy: float, advantage: list[float]) -> list[float]:
    """Of one decision per row, on-policy."""
    logp = torch.tensor(p).log()[:, None].requires_grad_()
    given = {
        "mask": torch.ones(len(p), 1, dtype=torch.bool), "logp": logp, "old_logp": logp.detach(),
        "advantage": torch.tensor(advantage)[:, None], "temperature": torch.tensor(1.0),
        "old_entropy": torch.full((len(p), 1), entropy), "entropy": torch.full((len(p), 1), entropy),
    }  # fmt: skip
    frame = pipeline.frame(given)
    pipeline.loss(frame, pipeline.term_weights(given)).total.backward()
    assert logp.grad is not None
    return logp.grad[:, 0].tolist()


def test_steer_scales_the_gradient_of_the_clip():
    """On-policy changes (1 - p)(ln p + H) A with H = .8018: .134, -.646 and -.150, so .2 ** (share of .646)."""
    _, _, pipeline = built("steer")
    p, h = [0.7, 0.2, 0.4], 0.8018
    change = [abs((1 - x) * (math.log(x) + h)) for x in p]
    wanted = [-(0.2 ** (c / max(change))) / 3 for c in change]
    assert gradient(pipeline, p, h, [1.0, 1.0, 1.0]) == pytest.approx(wanted, rel=1e-5)


def test_the_discriminator_drops_the_common_decision():
    """S = .312, -.162, -.150, -.162: the first is 1.73 deviations above the mean; the loss is still a mean of four."""
    _, _, pipeline = built("entropy-discriminator-clip")
    found = gradient(pipeline, [0.7, 0.2, 0.1, 0.2], 0.8018, [1.0] * 4)
    assert found == pytest.approx([0.0, -0.25, -0.25, -0.25])


def test_the_vocabulary_centre_asks_for_its_statistics():
    _, _, pipeline = built("entropy-discriminator-clip", "objective=[clip, discriminator_clip/vocab]")
    assert {"collision", "collision_logp"} <= pipeline.needs()
    _, _, plain = built("entropy-discriminator-clip")
    assert not {"collision", "collision_logp"} & plain.needs()


def test_the_coin_pays_and_the_judge_judges():
    data, _, pipeline = built("clipping-spurious")
    tasks = [data.train[0]] * 64
    right, wrong = tasks[0].fields["accepted"][0], tasks[0].fields["spurious"][0]
    given = {
        "task": tasks, "prompt": [t.prompt for t in tasks], "gold": [t.gold for t in tasks],
        "completion": [right, wrong] * 32, "group_id": torch.zeros(64, dtype=torch.long),
        "mask": torch.ones(64, 3, dtype=torch.bool), "rng": torch.Generator().manual_seed(0),
    }  # fmt: skip
    frame = pipeline.frame(given)
    pipeline.score(frame)
    assert frame.get("is_correct").tolist() == [True, False] * 32
    reward = frame.get("reward")
    assert set(reward.tolist()) == {0.0, 1.0}
    # 32 coins each: the difference has a standard deviation of 4
    assert abs(float(reward[::2].sum() - reward[1::2].sum())) < 16
