"""The objective list as one number: who multiplies what, rows by source, reading order, the micro-batch split."""

from __future__ import annotations

import pytest
import torch

from guerdon.combine import Term, combine, per_row, term_weights
from guerdon.component import Component
from guerdon.component import build as build_component
from guerdon.errors import MethodError
from guerdon.frame import Frame
from guerdon.method import method, registered
from guerdon.recipe import Aggregate
from guerdon.registry import resolve

M = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
A = torch.tensor([[1.0, -2.0, 3.0], [4.0, 9.0, 9.0], [-1.0, 2.0, 9.0]])
VALUES = {"mask": M, "advantage": A, "source": ["base", "replay", "base"]}


pytestmark = pytest.mark.usefixtures("forget_methods")


def term(function, role, *, weight=1.0, aggregate="token_mean", rows=None, on=None, **card) -> Term:
    method(stage="objective", role=role, **card)(function)
    return Term(Component(registered()[function.__name__], {}), weight, Aggregate(use=aggregate), rows, on)


def total(*terms: Term, values=VALUES, extra=None):
    everything = {**values, **(extra or {})}
    return combine(terms, Frame(everything), term_weights(terms, values, Frame))


def policy(advantage):
    """A loss that reads the advantage."""
    return -advantage


def anchor(logp):
    """A loss that does not."""
    return logp


def row_loss(advantage):
    """One number per row."""
    return advantage[:, 0]


def gate(mask):
    """Keeps the first decision of a row."""
    keep = torch.zeros_like(mask)
    keep[:, 0] = True
    return keep & mask


def row_weight(group_id):
    """A factor per row, NaN where nothing is valid."""
    return group_id.float()


LOGP = {"logp": torch.full((3, 3), 2.0), "group_id": torch.tensor([1, 10, 100])}


def test_losses_add_with_their_weights():
    # mean of -A over the six decisions: -(1 - 2 + 3 + 4 - 1 + 2) / 6; the anchor is 2 everywhere
    loss = total(term(policy, "token_loss", weight=2.0), term(anchor, "token_loss", weight=0.5), extra=LOGP)
    assert loss.total.item() == pytest.approx(2.0 * (-7 / 6) + 0.5 * 2.0)
    assert loss.logs["loss/policy"].item() == pytest.approx(-7 / 6)
    assert loss.logs["loss/total"].item() == pytest.approx(loss.total.item())


def test_weights_and_masks_touch_only_the_policys_losses():
    terms = (term(policy, "token_loss"), term(anchor, "token_loss"), term(gate, "mask"))
    loss = total(*terms, extra=LOGP)
    # the mask keeps the decisions 1, 4 and -1; what is dropped still counts in the mean
    assert loss.logs["loss/policy"].item() == pytest.approx(-(1 + 4 - 1) / 6)
    assert loss.logs["loss/anchor"].item() == pytest.approx(2.0)
    assert loss.logs["weight/gate"].item() == pytest.approx(3 / 6)


def test_named_losses_are_touched_and_no_others():
    terms = (term(policy, "token_loss"), term(anchor, "token_loss"), term(gate, "mask", on=("anchor",)))
    loss = total(*terms, extra=LOGP)
    assert loss.logs["loss/policy"].item() == pytest.approx(-7 / 6)
    assert loss.logs["loss/anchor"].item() == pytest.approx(2.0 * 3 / 6)


def test_factors_multiply_also_per_row():
    loss = total(term(policy, "token_loss"), term(gate, "mask"), term(row_weight, "weight"), extra=LOGP)
    assert loss.total.item() == pytest.approx(-(1 * 1 + 4 * 10 - 1 * 100) / 6)
    assert loss.logs["weight/row_weight"].item() == pytest.approx((3 * 1 + 1 * 10 + 2 * 100) / 6)


def test_a_penalty_adds_as_it_is():
    def penalty(advantage, mask):
        """A scalar."""
        return advantage[mask].square().mean()

    loss = total(term(policy, "token_loss"), term(penalty, "penalty", weight=0.1, scope="update_batch"))
    assert loss.total.item() == pytest.approx(-7 / 6 + 0.1 * (1 + 4 + 9 + 16 + 1 + 4) / 6)


def test_rows_by_source():
    base = term(policy, "token_loss", rows=("base",))
    assert total(base).total.item() == pytest.approx(-(1 - 2 + 3 - 1 + 2) / 5)
    assert total(term(row_loss, "token_loss", rows=("replay",))).total.item() == pytest.approx(4.0)
    with pytest.raises(MethodError, match="source"):
        total(base, values={"mask": M, "advantage": A})


def test_a_loss_per_row_is_a_mean_over_rows_with_decisions():
    mask = torch.cat([M, torch.zeros(1, 3, dtype=torch.bool)])
    advantage = torch.cat([A, torch.full((1, 3), torch.nan)])
    values = {"mask": mask, "advantage": advantage, "group_id": torch.tensor([1, 1, 2, 2])}
    # rows 1, 4 and -1; the fourth row has no decision
    assert total(term(row_loss, "token_loss"), values=values).total.item() == pytest.approx(4 / 3)
    weighted = total(term(row_loss, "token_loss"), term(row_weight, "weight"), values=values)
    assert weighted.total.item() == pytest.approx((1 + 4 - 2) / 3)
    with pytest.raises(MethodError, match="cannot act on a loss per row"):
        total(term(row_loss, "token_loss"), term(gate, "mask"), values=values)


def test_values_outside_the_mask_never_matter():
    def poison(mask):
        """NaN where nothing is valid."""
        return torch.where(mask, 1.0, torch.nan)

    spoiled = {**VALUES, "advantage": torch.where(M, A, torch.nan)}
    loss = total(term(policy, "token_loss"), term(poison, "weight"), values=spoiled)
    assert loss.total.item() == pytest.approx(-7 / 6)
    nothing = {**spoiled, "mask": torch.zeros_like(M)}
    assert total(term(policy, "token_loss"), term(poison, "weight"), values=nothing).total.item() == 0.0


def test_readers_come_after_writers_wherever_they_are_listed():
    seen = []

    def reader(clipped):
        """Reads what the loss writes."""
        seen.append(clipped)
        return ~clipped

    clip = Term(build_component(resolve("clip"), {}), 1.0, Aggregate(), None, None)
    ratio = torch.log(torch.tensor([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    loss = total(term(reader, "mask"), clip, extra={"log_ratio": ratio})
    assert seen[0].tolist()[0] == [True, False, False]
    # the first decision is clipped, so it is masked: -(-2 + 3 + 4 - 1 + 2) / 6
    assert loss.total.item() == pytest.approx(-1.0)
    assert loss.logs["clip/clip"].item() == pytest.approx(1 / 6)


@pytest.mark.parametrize("mode", ["token_mean", "seq_mean_token_sum", "seq_mean_token_mean", "fixed_length", "row_sum"])
@pytest.mark.parametrize("split", [[[0], [1], [2]], [[0, 2], [1]], [[2, 1, 0]]])
def test_the_loss_does_not_depend_on_the_split(mode, split):
    terms = (
        term(policy, "token_loss", aggregate=mode), term(anchor, "token_loss", weight=0.3, aggregate=mode),
        term(row_loss, "token_loss", aggregate=mode, rows=("base",)), term(row_weight, "weight"),
    )  # fmt: skip
    values = {**VALUES, **LOGP}
    weights = term_weights(terms, values, Frame)
    assert set(weights) == {w for t in terms[:3] for w in (t.label, per_row(t.label))}
    whole = combine(terms, Frame(values), weights)
    parts = []
    for rows in split:
        index = torch.tensor(rows)
        some = {k: [v[i] for i in rows] if isinstance(v, list) else v[index] for k, v in values.items()}
        parts.append(combine(terms, Frame(some), {k: w[index] for k, w in weights.items()}))
    assert sum(p.total for p in parts).item() == pytest.approx(whole.total.item(), abs=1e-5)
    for name in ("loss/policy", "loss/anchor", "loss/row_loss"):
        assert sum(p.logs[name] for p in parts).item() == pytest.approx(whole.logs[name].item(), abs=1e-5)


def test_gradients_keep_the_precision_of_the_model():
    logp = torch.full((3, 3), 2.0, dtype=torch.float64, requires_grad=True)
    values = {**VALUES, "logp": logp}
    loss = total(term(anchor, "token_loss"), values=values)
    loss.total.backward()
    assert loss.total.dtype == torch.float64
    assert torch.allclose(logp.grad, M.double() / 6)
