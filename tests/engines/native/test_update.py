from __future__ import annotations

import dataclasses

import pytest
import torch

from guerdon.component import Component
from guerdon.engines.native.forward import frozen_statistics
from guerdon.engines.native.packing import Completions
from guerdon.engines.native.update import Updater
from guerdon.errors import NumericsError
from guerdon.method import Method
from guerdon.runtime.seeds import generator

ROW = (["clip"], ["reinforce"], ["gspo"], [{"use": "gmpo"}], ["cispo"])
BATCH = (
    [{"use": "kl_cov", "fraction": 0.1}],
    ["clip", {"use": "high_entropy_mask", "quantile": 0.5, "over": "batch"}],
    [{"use": "kl_cov", "fraction": 0.1}, {"use": "kl_penalty", "weight": 0.1}, {"use": "entropy_bonus", "coef": 0.1}],
    ["clip", {"use": "high_entropy_mask", "quantile": 0.5}, {"use": "kl_penalty", "weight": 0.1},
     {"use": "entropy_bonus", "coef": 0.1}],
)  # fmt: skip
BUDGETS = (None, 200, 60, 1)


def known(policy, rollouts, seed=0, **more):
    """Signals that are known before the update, off-policy by up to a few tenths of a nat."""
    c = rollouts.completions
    g = torch.Generator().manual_seed(seed)
    real = torch.get_default_dtype()
    logp = frozen_statistics(policy, c, ["logp"], budget=None, shared=False)["logp"]
    noise = torch.randn(2, *c.tokens.shape, generator=g, dtype=torch.float64).to(real) * 0.2
    advantage = torch.randn(c.tokens.shape, generator=g, dtype=torch.float64).to(real)
    values = {
        **rollouts.values, "mask": c.mask, "advantage": torch.where(c.mask, advantage, 0.0),
        "old_logp": logp + noise[0], "ref_logp": logp + noise[1], "reward": torch.ones(len(c)),
    }  # fmt: skip
    return {**values, **more}


def gradient(policy, pipe, rollouts, values, *, budget=None, shared=True, value_head=None, **more):
    """Gradient of one step that changes nothing, and what it logs."""
    parameters = policy.trainable() + (list(value_head.parameters()) if value_head else [])
    options = {"clip_norm": None, "non_finite": "raise", **more}
    updater = Updater(policy, pipe, torch.optim.SGD(parameters, lr=0.0), value_head, budget, shared, **options)

    def at(v):
        frame = pipe.frame(v, step=3, total=10)
        frame.put("rng", generator(0, "update"))
        return frame

    logs = updater.step(rollouts, values, at)
    return torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in parameters]), logs


def apart(a, b) -> float:
    return float((a - b).norm() / a.norm())


def same_logs(a, b, slack):
    assert a.keys() == b.keys()
    for name in a:
        assert b[name] == pytest.approx(a[name], rel=slack, abs=slack), name


@pytest.mark.parametrize(
    "objective", [*ROW, *BATCH], ids=lambda o: "+".join(e if isinstance(e, str) else e["use"] for e in o)
)
def test_gradients_do_not_depend_on_packing_or_micro_batches(tiny, rollouts, pipeline, objective, double):
    policy = tiny("gpt2", wide=True, layers=1)
    rows = rollouts(policy)
    values = known(policy, rows)
    pipe = pipeline(*objective)
    expected, logs = gradient(policy, pipe, rows, values, shared=False)
    assert expected.norm() > 1e-3
    for budget in BUDGETS:
        for shared in (True, False):
            found, more = gradient(policy, pipe, rows, values, budget=budget, shared=shared)
            assert apart(expected, found) < 1e-10, (budget, shared)
            same_logs(logs, more, 1e-9)


@pytest.mark.parametrize("family", ["qwen3", "llama", "gpt2"])
def test_float32_gradients_agree_to_rounding(tiny, rollouts, pipeline, family):
    policy = tiny(family)
    rows = rollouts(policy)
    values = known(policy, rows)
    pipe = pipeline(*BATCH[2])
    expected, _ = gradient(policy, pipe, rows, values, shared=False)
    for budget, shared in ((None, True), (60, True), (60, False)):
        found, _ = gradient(policy, pipe, rows, values, budget=budget, shared=shared)
        assert apart(expected, found) < 1e-5


def test_the_gradient_is_that_of_the_formula(tiny, rollouts, pipeline, double):
    policy = tiny("gpt2", wide=True)
    rows = rollouts(policy)
    values = known(policy, rows)
    found, logs = gradient(policy, pipeline({"use": "clip", "low": 0.2, "high": 0.2}), rows, values)
    policy.model.zero_grad()
    c = rows.completions
    total = torch.zeros(())
    for i in range(len(c)):
        p, n = int(c.prompt_of[i]), int(c.lengths[i])
        head = int(c.prompt_lengths[p])
        ids = torch.cat([c.prompts[p, :head], c.tokens[i, :n]])[None]
        logp = policy.core(input_ids=ids).logits[0].log_softmax(-1)[head - 1 : head + n - 1]
        ratio = (logp.gather(1, c.tokens[i, :n, None])[:, 0] - values["old_logp"][i, :n]).exp()
        a = values["advantage"][i, :n]
        total = total - torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a).sum()
    loss = total / int(c.mask.sum())
    loss.backward()
    expected = torch.cat([p.grad.flatten() for p in policy.trainable()])
    assert apart(expected, found) < 1e-10
    assert logs["loss/total"] == pytest.approx(float(loss), rel=1e-10)
    assert logs["grad_norm"] == pytest.approx(float(expected.norm()), rel=1e-10)


@pytest.mark.parametrize("mode", ["token_mean", "sample_mean"])
@pytest.mark.parametrize("objective", [ROW[0], ROW[3], BATCH[2]], ids=["clip", "gmpo", "kl_cov"])
def test_holes_in_the_mask_and_rows_without_decisions(tiny, rollouts, pipeline, objective, mode, double):
    policy = tiny("gpt2", wide=True, layers=1)
    rows = rollouts(policy)
    c = rows.completions
    mask, lengths = c.mask.clone(), c.lengths.clone()
    mask[:, 1] = False
    mask[4] = False
    mask[7], lengths[7] = False, 0
    rows = dataclasses.replace(
        rows, completions=Completions(c.prompts, c.prompt_lengths, c.prompt_of, c.tokens, lengths, mask)
    )
    values = known(policy, rows)
    # what stands outside the mask must not matter, whatever it is
    dirty = {k: torch.where(mask, values[k], torch.nan) for k in ("old_logp", "ref_logp")}
    pipe = pipeline(*objective, aggregate=mode)
    expected, logs = gradient(policy, pipe, rows, values, shared=False)
    assert expected.norm() > 1e-3
    for budget in BUDGETS:
        found, more = gradient(policy, pipe, rows, {**values, **dirty}, budget=budget)
        assert apart(expected, found) < 1e-10
        same_logs(logs, more, 1e-9)


@pytest.mark.parametrize("objective", [ROW[0], BATCH[2]], ids=["clip", "kl_cov"])
def test_a_batch_without_any_decision_changes_nothing(tiny, rollouts, pipeline, objective):
    policy = tiny(layers=1)
    rows = rollouts(policy)
    c = rows.completions
    nothing = torch.zeros_like(c.mask)
    rows = dataclasses.replace(
        rows,
        completions=Completions(
            c.prompts, c.prompt_lengths, c.prompt_of, c.tokens, torch.zeros_like(c.lengths), nothing
        ),
    )
    values = known(policy, rows)
    for budget in (None, 60):
        found, logs = gradient(policy, pipeline(*objective), rows, values, budget=budget)
        assert not found.any()
        assert logs["loss/total"] == 0.0
        assert logs["grad_norm"] == 0.0


@pytest.mark.parametrize("objective", [["clip", "value_loss"], [*BATCH[2], "value_loss"]], ids=["clip", "kl_cov"])
def test_the_critic_learns_its_returns(tiny, rollouts, pipeline, objective, double):
    policy = tiny("gpt2", wide=True, layers=1)
    rows = rollouts(policy)
    head = torch.nn.Linear(32, 1)
    old = frozen_statistics(policy, rows.completions, ["value"], budget=None, shared=False, value_head=head)["value"]
    values = known(policy, rows, returns=torch.ones(rows.completions.tokens.shape), old_value=old)
    pipe = pipeline(*objective, advantage="gae")
    expected, _ = gradient(policy, pipe, rows, values, shared=False, value_head=head)
    # d/db of 0.5 (V - 1)^2 averaged over decisions is the mean of V - 1; nothing is clipped at V = old V
    mask = rows.completions.mask
    assert float(expected[-1]) == pytest.approx(float((old - 1)[mask].mean()), rel=1e-9)
    for budget in BUDGETS:
        found, _ = gradient(policy, pipe, rows, values, value_head=head, budget=budget)
        assert apart(expected, found) < 1e-10


def test_weights_are_logged_as_a_mean_whatever_the_split(tiny, rollouts, pipeline, double):
    policy = tiny("gpt2", wide=True, layers=1)
    rows = rollouts(policy)
    pipe = pipeline("clip", {"use": "high_entropy_mask", "quantile": 0.5, "over": "row"})
    # a quantile per row needs no other row, so the loss may be taken one micro-batch at a time
    term = pipe.terms[1]
    card = dataclasses.replace(term.component.card, scope="row")
    component = Component(Method(card, term.component.method.target), term.component.params)
    pipe.terms[1] = dataclasses.replace(term, component=component)
    assert not pipe.whole_batch
    values = known(policy, rows)
    _, logs = gradient(policy, pipe, rows, values)
    assert 0.5 <= logs["weight/high_entropy_mask"] < 1.0
    for budget in BUDGETS:
        _, more = gradient(policy, pipe, rows, values, budget=budget)
        same_logs(logs, more, 1e-9)


def test_the_behaviour_entropy_of_a_batch_that_is_updated_once_is_the_current_one(tiny, rollouts, pipeline, double):
    policy = tiny("gpt2", wide=True, layers=1)
    rows = rollouts(policy)
    pipe = pipeline("clip", {"use": "entropy_change_weight", "w_min": 0.2})
    values = known(policy, rows)
    entropy = frozen_statistics(policy, rows.completions, ["entropy"], budget=None, shared=False)["entropy"]
    given, logs = gradient(policy, pipe, rows, {**values, "old_entropy": entropy})
    assert logs["weight/entropy_change_weight"] < 0.99
    for budget in BUDGETS:
        found, more = gradient(policy, pipe, rows, values, budget=budget)
        assert apart(given, found) < 1e-10
        same_logs(logs, more, 1e-9)
    other, _ = gradient(policy, pipe, rows, {**values, "old_entropy": entropy + 1.0})
    assert apart(given, other) > 1e-3


@pytest.mark.parametrize("policy_of_error", ["raise", "skip"])
@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_gradient_that_is_not_finite(tiny, rollouts, pipeline, policy_of_error, bad):
    policy = tiny(layers=1)
    rows = rollouts(policy)
    values = known(policy, rows)
    values["advantage"] = values["advantage"].clone()
    values["advantage"][0, 0] = float(bad)
    before = {k: v.clone() for k, v in policy.model.state_dict().items()}
    if policy_of_error == "raise":
        with pytest.raises(NumericsError, match="not finite") as found:
            gradient(policy, pipeline("reinforce"), rows, values, non_finite="raise")
        assert "train.non_finite=skip" in found.value.fix
    else:
        _, logs = gradient(policy, pipeline("reinforce"), rows, values, non_finite="skip")
        assert logs["skipped_updates"] == 1.0
    assert all(torch.equal(v, before[k]) for k, v in policy.model.state_dict().items())


def test_a_loss_that_is_not_finite_with_a_finite_gradient(tiny, rollouts, pipeline):
    # the penalty reads the reference alone at this decision: an infinite constant, without gradient
    policy = tiny(layers=1)
    rows = rollouts(policy)
    values = known(policy, rows)
    values["ref_logp"] = values["ref_logp"].clone()
    values["ref_logp"][0, 0] = -torch.inf
    pipe = pipeline("clip", {"use": "kl_penalty", "estimator": "k1"})
    with pytest.raises(NumericsError, match="not finite"):
        gradient(policy, pipe, rows, values)


def test_clipping_bounds_the_norm(tiny, rollouts, pipeline):
    policy = tiny(layers=1)
    rows = rollouts(policy)
    values = known(policy, rows)
    free, logs = gradient(policy, pipeline("clip"), rows, values)
    held, clipped = gradient(policy, pipeline("clip"), rows, values, clip_norm=float(free.norm()) / 2)
    assert clipped["grad_norm"] == pytest.approx(logs["grad_norm"], rel=1e-5)
    assert float(held.norm()) == pytest.approx(float(free.norm()) / 2, rel=1e-4)
