"""Statistics of completions under a policy: one shared-prompt forward pass, then the vocabulary operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon.engines.native.packing import Completions, Packed, arrange, pack, share, split
from guerdon.engines.native.policy import Policy
from guerdon.frame import Key, key
from guerdon.ops.kernels import from_logits, vocab_stats

VOCAB = (
    "logp", "entropy", "collision", "collision_logp", "taken_logit", "log_partition", "nucleus_entropy",
    "tempered_logp",
)  # fmt: skip


def micro_batches(
    batch: Completions, index: Tensor, policy: Policy, *, budget: int | None, shared: bool = True
) -> list[Packed]:
    """Forward-pass inputs for the rows ``index``, each within the token budget; none for no rows."""
    if not len(index):
        return []
    per_row = 1
    if shared and policy.packable:
        kept = batch.lengths[index].double()
        prompt = batch.prompt_lengths[batch.prompt_of[index]].double()
        sizes = torch.bincount(batch.prompt_of[index])
        hidden = policy.body.config.hidden_size
        per_row = share(float(prompt.mean()), float(kept.mean()), int(sizes.max()), hidden)
    rows = arrange(batch, index, per_row)
    dtype = torch.float32 if policy.dtype == torch.float32 else policy.dtype
    return [pack(batch, part, policy.pad_id, dtype) for part in split(batch, rows, budget)]


def statistics(
    policy: Policy, packed: Packed, width: int, want: Mapping[Key, str], *, temperature: float = 1.0,
    value_head: torch.nn.Module | None = None,
) -> dict[Key, Tensor]:  # fmt: skip
    """Signals of every decision of a micro-batch as ``[rows, width]``, zeros outside the mask.

    Args:
        policy: whose statistics.
        packed: the micro-batch.
        width: time axis of the result.
        want: per signal, the vocabulary statistic that it is, or ``value`` for the critic.
        temperature: of the sampling; log-probs are those of the tempered distribution.
        value_head: critic on the hidden states, for ``value``.
    """
    with policy.arithmetic():
        found = _compute(policy, packed, list(dict.fromkeys(want.values())), temperature, value_head)
    size = len(packed.rows) * width
    full = {
        k: torch.zeros(size, dtype=v.dtype, device=v.device).index_copy(0, packed.place, v).view(-1, width)
        for k, v in found.items()
    }
    return {k: full[stat] for k, stat in want.items()}


def _compute(
    policy: Policy, packed: Packed, want: list[str], temperature: float, value_head: torch.nn.Module | None
) -> dict[str, Tensor]:
    inputs = _inputs(policy, packed)
    stats = [w for w in want if w != "value"]
    out: dict[str, Tensor] = {}
    if policy.fused or "value" in want:
        hidden = _at(policy.body(**inputs).last_hidden_state, packed)
        if "value" in want and value_head is not None:
            out["value"] = value_head(_wide(hidden))[:, 0]
        if policy.fused and stats:
            head = policy.head
            out |= vocab_stats(hidden, head.weight, packed.target, want=stats, bias=head.bias, temperature=temperature)
    if stats and not policy.fused:
        logits = _at(policy.core(**inputs).logits, packed)
        out |= from_logits(logits, packed.target, want=stats, temperature=temperature)
    return {k: _wide(v) for k, v in out.items()}


def _inputs(policy: Policy, packed: Packed) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "input_ids": packed.input_ids, "position_ids": packed.position_ids, "attention_mask": packed.attention_mask,
        "use_cache": False,
    }  # fmt: skip
    if not policy.packable:  # one completion per row: the first column of the mask says which tokens are real
        inputs["attention_mask"] = (packed.attention_mask[:, 0, :, 0] == 0).long()
    return inputs


def decision_states(policy: Policy, packed: Packed) -> Tensor:
    """Last-layer states from which the decisions of a micro-batch were taken, ``[decisions, width]``, in their order.

    ``packed.place`` says which row and position each of them is.
    """
    with policy.arithmetic():
        return _wide(_at(policy.body(**_inputs(policy, packed)).last_hidden_state, packed))


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32; a model in float64 keeps its precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _at(states: Tensor, packed: Packed) -> Tensor:
    """The states from which the decisions were taken, ``[decisions, ...]``."""
    return states.reshape(-1, states.shape[-1]).index_select(0, packed.source)


@torch.no_grad()
def frozen_statistics(
    policy: Policy, batch: Completions, names: Sequence[str], *, budget: int | None, shared: bool,
    temperature: float = 1.0, value_head: torch.nn.Module | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """Signals of the whole batch without gradient as ``[batch, time]``, by statistic, ``name(setting=value)``."""
    want = {key(n): n for n in names}
    width = batch.tokens.shape[1]
    out = {n: torch.zeros(len(batch), width, device=policy.device) for n in names}
    everything = torch.arange(len(batch))
    for packed in micro_batches(batch, everything, policy, budget=budget, shared=shared):
        stats = statistics(policy, packed, width, want, temperature=temperature, value_head=value_head)
        for n in names:
            out[n][packed.rows.to(policy.device)] = stats[key(n)]
    return out
