"""Sampling: a prompt's cache is computed once and expanded to its group, finished rows are compacted away.

The random number of a decision comes from the coordinates of its row and its position alone, so a row's text does
not depend on which rows share its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from guerdon.engines.native.policy import Policy, pad
from guerdon.runtime.seeds import uniforms


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn from the tempered distribution; ``greedy`` takes the most likely one."""

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    greedy: bool = False


@dataclass(frozen=True)
class Samples:
    """Completions of a batch, right-padded; ``ended`` rows stopped by themselves.

    ``logp`` and ``entropy`` are those of the tempered distribution the policy sampled from, before any cut of its
    tail; zeros outside the completions, and everywhere for greedy rows.
    """

    tokens: Tensor
    lengths: Tensor
    ended: Tensor
    logp: Tensor
    entropy: Tensor


class _Growing(DynamicLayer):
    """A cache layer with room to grow, so that a step writes one position and copies nothing."""

    def __init__(self, keys: Tensor, values: Tensor, room: int):
        super().__init__()
        self.lazy_initialization(keys, values)
        shape = (*keys.shape[:2], room, keys.shape[3])
        self._keys, self._values = keys.new_empty(shape), values.new_empty((*shape[:3], values.shape[3]))
        self.used = keys.shape[2]
        self._keys[:, :, : self.used] = keys
        self._values[:, :, : self.used] = values
        self._point()

    def _point(self) -> None:
        self.keys, self.values = self._keys[:, :, : self.used], self._values[:, :, : self.used]

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        """Write the new positions in place."""
        size = key_states.shape[2]
        self._keys[:, :, self.used : self.used + size] = key_states
        self._values[:, :, self.used : self.used + size] = value_states
        self.used += size
        self._point()
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        self._keys, self._values = self._keys.index_select(0, rows), self._values.index_select(0, rows)
        self._point()


@torch.no_grad()
def sample(
    policy: Policy, prompts: Sequence[Sequence[int]], copies: Sequence[int], row_seeds: Tensor, how: Sampling
) -> Samples:
    """Sample ``copies[i]`` completions of each prompt.

    Args:
        policy: the model to sample from.
        prompts: token ids per prompt.
        copies: completions per prompt; rows come out prompt by prompt.
        row_seeds: one seed per completion.
        how: sampling parameters; the end tokens are the policy's.

    Returns:
        Tokens ``[rows, time]`` with the end token kept as a decision of the policy.
    """
    with policy.arithmetic():
        return _sample(policy, prompts, copies, row_seeds, how)


def _sample(policy: Policy, prompts, copies, row_seeds: Tensor, how: Sampling) -> Samples:
    device = policy.device
    ids, lengths = pad(prompts, policy.pad_id, left=True)
    width = ids.shape[1]
    ragged = bool((lengths != width).any())
    valid = (torch.arange(width) >= width - lengths[:, None]).to(device)
    position = (torch.arange(width) - (width - lengths[:, None])).clamp_min(0).to(device)
    network = policy.body if policy.fused else policy.core
    out = network(
        input_ids=ids.to(device), attention_mask=valid.long() if ragged else None, position_ids=position, use_cache=True
    )
    expand = torch.repeat_interleave(torch.arange(len(prompts)), torch.tensor(list(copies))).to(device)
    cache = _expanded(out.past_key_values, expand, width + how.max_new_tokens)
    hidden = _last(out, policy.fused).index_select(0, expand)
    seen = torch.ones(len(expand), width + how.max_new_tokens, dtype=torch.long, device=device)
    seen[:, :width] = valid.index_select(0, expand).long()
    here = lengths.to(device).index_select(0, expand)

    rows = len(expand)
    tokens = torch.full((rows, how.max_new_tokens), policy.pad_id, device=device)
    final = torch.full((rows,), how.max_new_tokens, device=device)
    ended = torch.zeros(rows, dtype=torch.bool, device=device)
    logp, entropy = torch.zeros(2, rows, how.max_new_tokens, dtype=torch.float32, device=device)
    ends = torch.tensor(policy.end_ids or (-1,), device=device)
    alive = torch.arange(rows, device=device)
    running = torch.ones(rows, dtype=torch.bool, device=device)
    seeds = row_seeds.to(device)
    for t in range(how.max_new_tokens):
        logits = (policy.head(hidden) if policy.fused else hidden).float()
        if how.greedy:
            chosen = logits.argmax(-1)
        else:
            prob = torch.softmax(logits / how.temperature, -1)
            chosen = draw(prob, seeds[alive], t, how)
            logp[alive[running], t] = prob.gather(1, chosen[:, None])[running, 0].log().float()
            entropy[alive[running], t] = -torch.special.xlogy(prob, prob).sum(-1)[running].float()
        tokens[alive[running], t] = chosen[running]
        done = torch.isin(chosen, ends)
        if how.stop:
            done |= _stopped(policy, tokens, alive, t, how.stop)
        stopping = done & running
        final[alive[stopping]] = t + 1
        ended[alive[stopping]] = True
        running = running & ~done
        left = int(running.sum())
        if not left or t + 1 == how.max_new_tokens:
            break
        if left <= 0.75 * len(alive):
            kept = running.nonzero()[:, 0]
            for layer in cache.layers:
                layer.keep(kept)
            alive, chosen, seen, here = alive[kept], chosen[kept], seen[kept], here[kept]
            running = torch.ones(len(kept), dtype=torch.bool, device=device)
        step = network(
            input_ids=chosen[:, None], attention_mask=seen[:, : width + t + 1] if ragged else None,
            position_ids=(here + t)[:, None], past_key_values=cache, use_cache=True,
        )  # fmt: skip
        hidden = _last(step, policy.fused)
    longest = int(final.max()) if rows else 0
    return Samples(
        tokens[:, :longest].cpu(), final.cpu(), ended.cpu(), logp[:, :longest].cpu(), entropy[:, :longest].cpu()
    )


def _last(out, fused: bool) -> Tensor:
    """Hidden states of the last position, or its logits when the head is no plain matrix."""
    return out.last_hidden_state[:, -1] if fused else out.logits[:, -1]


def _expanded(cache: DynamicCache, expand: Tensor, room: int) -> DynamicCache:
    grown = DynamicCache()
    grown.layers = [
        _Growing(layer.keys.index_select(0, expand), layer.values.index_select(0, expand), room)
        for layer in cache.layers
    ]
    return grown


def draw(prob: Tensor, seeds: Tensor, position: int, how: Sampling) -> Tensor:
    """The next token of each row by inverting its distribution at the row's uniform number.

    Example:
        >>> draw(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([7]), 0, Sampling(max_new_tokens=1)).tolist()
        [1]
    """
    if how.top_k or how.top_p < 1.0 or how.min_p:
        prob = _filtered(prob, how)
    cumulative = prob.double().cumsum(-1)
    point = uniforms(seeds, position)[:, None] * cumulative[:, -1:]
    token = torch.searchsorted(cumulative, point, right=True)[:, 0]
    return token.clamp_max(prob.shape[1] - 1)


def _filtered(prob: Tensor, how: Sampling) -> Tensor:
    ordered, order = prob.sort(-1, descending=True)
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if how.top_k:
        keep &= torch.arange(ordered.shape[1], device=prob.device) < how.top_k
    if how.top_p < 1.0:
        keep &= (ordered.cumsum(-1) - ordered) < how.top_p
    if how.min_p:
        keep &= ordered >= how.min_p * ordered[:, :1]
    kept = torch.where(keep, ordered, 0.0)
    return torch.zeros_like(prob).scatter(1, order, kept)


def _stopped(policy: Policy, tokens: Tensor, alive: Tensor, t: int, stop: Sequence[str]) -> Tensor:
    tail = tokens[alive][:, max(0, t + 1 - 4 * max(len(s) for s in stop)) : t + 1]
    texts = policy.tokenizer.batch_decode(tail.cpu(), skip_special_tokens=True)
    return torch.tensor([any(s in text for s in stop) for text in texts], device=tokens.device)
