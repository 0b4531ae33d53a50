from __future__ import annotations

import dataclasses

import pytest
import torch

from guerdon.engines.native.rollout import collect
from guerdon.engines.native.sampler import Sampling, _Growing, draw, sample
from guerdon.errors import DataError
from guerdon.records import Task
from guerdon.runtime.seeds import seed

# upper 1e-6 quantiles of the chi-square distribution, by degrees of freedom
CHI2 = {1: 23.93, 2: 27.63, 3: 30.66, 7: 40.52}
LOGITS = torch.tensor([2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -3.0])
ENDS = (2, 4, 5)


def encoded(policy, tasks):
    return [policy.encode(t) for t in tasks]


def seeds(tasks, copies):
    return torch.tensor([seed(0, t.id, j) for t in tasks for j in range(copies)])


def rows(samples):
    return [
        (r[:n], e)
        for r, n, e in zip(samples.tokens.tolist(), samples.lengths.tolist(), samples.ended.tolist(), strict=True)
    ]


def drawn(policy, tasks, copies, **how):
    return rows(sample(policy, encoded(policy, tasks), [copies] * len(tasks), seeds(tasks, copies), Sampling(**how)))


@pytest.mark.parametrize("family", ["qwen3", "llama", "gpt2"])
@pytest.mark.parametrize("fused", [True, False])
def test_a_rows_text_does_not_depend_on_its_batch(tiny, sums, family, fused):
    policy = dataclasses.replace(tiny(family), end_ids=ENDS, fused=fused)
    how = {"max_new_tokens": 12, "temperature": 0.8}
    together = drawn(policy, sums, 4, **how)
    assert len({len(r) for r, _ in together}) > 2
    # prompts of unequal length, alone, without left padding
    alone = [r for t in sums for r in drawn(policy, [t], 4, **how)]
    assert together == alone
    backwards = drawn(policy, sums[::-1], 4, **how)
    assert together == [r for i in reversed(range(len(sums))) for r in backwards[4 * i : 4 * i + 4]]
    one = rows(sample(policy, encoded(policy, sums[1:2]), [1], seeds(sums[1:2], 4)[2:3], Sampling(**how)))
    assert one == together[6:7]


def test_finished_rows_are_compacted_away(tiny, sums, monkeypatch):
    policy = dataclasses.replace(tiny(), end_ids=ENDS)
    sizes = []
    keep = _Growing.keep
    monkeypatch.setattr(_Growing, "keep", lambda self, kept: (sizes.append(len(kept)), keep(self, kept))[1])
    together = drawn(policy, sums, 8, max_new_tokens=20)
    assert sizes
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= 0.75 * 32
    assert together == [r for t in sums for r in drawn(policy, [t], 8, max_new_tokens=20)]


@pytest.mark.parametrize("family", ["qwen3", "llama", "gpt2"])
def test_greedy_equals_transformers_generate(tiny, sums, family):
    policy = dataclasses.replace(tiny(family), end_ids=ENDS)
    ours = drawn(policy, sums, 1, max_new_tokens=10, greedy=True)
    for task, (row, ended) in zip(sums, ours, strict=True):
        ids = torch.tensor([policy.encode(task)])
        out = policy.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=10, eos_token_id=list(ENDS),
            pad_token_id=policy.pad_id,
        )  # fmt: skip
        assert out[0, ids.shape[1] :].tolist() == row
        assert ended == (row[-1] in ENDS)


def exact(how: Sampling) -> torch.Tensor:
    """The filtered distribution, by its definition, one token at a time."""
    p = (LOGITS.double() / how.temperature).softmax(-1)
    order = p.argsort(descending=True).tolist()
    kept, mass = [], 0.0
    for place, i in enumerate(order):
        if how.top_k and place >= how.top_k:
            break
        if mass >= how.top_p or p[i] < how.min_p * p[order[0]]:
            break
        kept.append(i)
        mass += float(p[i])
    out = torch.zeros_like(p)
    out[kept] = p[kept]
    return out / out.sum()


@pytest.mark.parametrize(
    "how",
    [
        {}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.7}, {"min_p": 0.2},
        {"temperature": 1.5, "top_p": 0.8, "top_k": 4}, {"top_p": 0.9, "min_p": 0.3},
    ],
    ids=str,
)  # fmt: skip
def test_draws_follow_the_distribution(how):
    chosen = Sampling(max_new_tokens=1, **how)
    expected = exact(chosen)
    n = 20_000
    tokens = draw((LOGITS / chosen.temperature).softmax(-1).expand(n, -1), torch.arange(n), 3, chosen)
    count = torch.bincount(tokens, minlength=8).double()
    assert not count[expected == 0].any()
    support = expected > 0
    statistic = float(((count - n * expected)[support] ** 2 / (n * expected[support])).sum())
    assert statistic < CHI2[int(support.sum()) - 1]


def test_positions_draw_independent_numbers():
    how = Sampling(max_new_tokens=1)
    n = 20_000
    first, second = (draw(torch.full((n, 2), 0.5), torch.arange(n), t, how) for t in (0, 1))
    # two fair coins: the share of equal faces is 1/2 with standard deviation 1 / (2 sqrt(n)) = 0.0035
    assert abs(float((first == second).double().mean()) - 0.5) < 5 * 0.0036


@pytest.mark.parametrize("how", [{}, {"top_p": 1e-6}, {"top_k": 1}, {"min_p": 1.0}])
def test_the_last_token_is_drawn_only_when_it_may_be(how):
    logits = torch.tensor([[0.0, 5.0, -torch.inf]]).expand(2000, -1)
    tokens = draw(logits.softmax(-1), torch.arange(2000), 0, Sampling(max_new_tokens=1, **how))
    assert set(tokens.tolist()) == ({0, 1} if not how else {1})


def test_the_end_token_is_a_decision_and_the_limit_truncates(tiny, sums):
    policy = dataclasses.replace(tiny(), end_ids=ENDS)
    found = collect(policy, sums, 8, Sampling(max_new_tokens=6), (0,))
    c, v = found.completions, found.values
    ended = truncated = 0
    for i in range(len(c)):
        n = int(c.lengths[i])
        assert c.mask[i].tolist() == [t < n for t in range(c.mask.shape[1])]
        last = torch.arange(c.mask.shape[1]) == n - 1
        if int(c.tokens[i, n - 1]) in ENDS:
            assert torch.equal(v["terminated"][i], last)
            assert not v["truncated"][i].any()
            ended += 1
        else:
            assert n == 6
            assert torch.equal(v["truncated"][i], last)
            assert not v["terminated"][i].any()
            truncated += 1
        assert not set(c.tokens[i, : n - 1].tolist()) & set(ENDS)
    assert ended
    assert truncated


def test_stop_strings_end_a_row_and_are_cut_from_its_text(tiny, sums):
    policy = dataclasses.replace(tiny(), end_ids=())
    free = collect(policy, sums, 6, Sampling(max_new_tokens=20), (1,))
    held = collect(policy, sums, 6, Sampling(max_new_tokens=20, stop=("1", "2+")), (1,))
    stopped = 0
    for i in range(len(free)):
        text = policy.decode(free.completions.tokens[i, : free.completions.lengths[i]])
        where = min((text.find(s) for s in ("1", "2+") if s in text), default=None)
        assert held.values["completion"][i] == (text if where is None else text[:where])
        assert bool(held.values["terminated"][i].any()) == (where is not None)
        assert bool(held.values["truncated"][i].any()) == (where is None)
        if where is not None:
            stopped += 1
            kept = policy.decode(held.completions.tokens[i, : held.completions.lengths[i]])
            # the stop text itself was decided by the policy and stays among its tokens
            assert kept in (text[: where + 1], text[: where + 2])
    assert 0 < stopped < len(free)


def test_a_task_that_appears_twice_is_sampled_twice(tiny):
    policy = tiny()
    twice = [Task("same", "1+2="), Task("other", "3="), Task("same", "1+2=")]
    how = Sampling(max_new_tokens=8)
    found = collect(policy, twice, 4, how, (0,)).values["completion"]
    assert len(set(found[:4] + found[8:])) > 4
    # and its first appearance does not depend on the second
    assert found[:8] == collect(policy, twice[:2], 4, how, (0,)).values["completion"]


def test_a_prompt_without_room_is_refused(tiny):
    policy = tiny(window=16)
    with pytest.raises(DataError, match="do not fit the model's window") as found:
        collect(policy, [Task("short", "1"), Task("long", "1+1+1+1+1+")], 2, Sampling(max_new_tokens=7), (0,))
    assert found.value.where == "task long"
    assert (found.value.seen, found.value.allowed) == ("10 + 7 tokens", "16")
    collect(policy, [Task("long", "1+1+1+1+1+")], 2, Sampling(max_new_tokens=6), (0,))
