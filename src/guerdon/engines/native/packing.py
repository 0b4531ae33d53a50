"""Packed rows for training: one copy of a prompt followed by several of its completions.

Every completion sees its prompt and itself, never its neighbours, and starts at the position after the prompt, so
hidden states and gradients are those of separate rows while the prompt is computed once per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Completions:
    """Token ids of a batch: prompts once, completions right-padded.

    ``prompt_of`` is the prompt of each completion, ``mask`` the policy's own decisions among the ``lengths`` tokens.
    """

    prompts: Tensor
    prompt_lengths: Tensor
    prompt_of: Tensor
    tokens: Tensor
    lengths: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Packed:
    """Inputs of one forward pass, and where the statistics of each decision are found.

    ``source`` indexes the flattened hidden states, ``target`` is the decision taken there, ``place`` its index in the
    flattened ``[rows, time]`` matrix of the micro-batch ``rows``.
    """

    rows: Tensor
    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor
    source: Tensor
    target: Tensor
    place: Tensor

    @property
    def tokens(self) -> int:
        """Tokens computed, padding included."""
        return self.input_ids.numel()


def share(prompt: float, completion: float, group: int, hidden: int) -> int:
    """How many completions to put behind one copy of the prompt, by the cost of linear and attention work.

    A row of n tokens costs about ``n (6 hidden + n)``; a group of g needs ``g / k`` rows of ``prompt + k completion``.

    Example:
        >>> share(prompt=128, completion=4, group=8, hidden=128)
        8
        >>> share(prompt=10, completion=2000, group=8, hidden=512)
        1
    """

    def cost(k: int) -> float:
        length = prompt + k * completion
        return -(-group // k) * length * (6 * hidden + length)

    return min(range(1, group + 1), key=cost)


def arrange(batch: Completions, index: Tensor, per_row: int) -> list[list[int]]:
    """Rows of completions that share a prompt, at most ``per_row`` each, in the order of ``index``."""
    rows: list[list[int]] = []
    open_row: dict[int, list[int]] = {}
    for i, p in zip(index.tolist(), batch.prompt_of[index].tolist(), strict=True):
        row = open_row.get(p)
        if row is None or len(row) >= per_row:
            row = open_row[p] = []
            rows.append(row)
        row.append(i)
    return rows


def split(batch: Completions, rows: Sequence[list[int]], budget: int | None) -> list[list[list[int]]]:
    """Micro-batches of rows whose padded size stays within ``budget`` tokens, similar lengths together."""
    if budget is None:
        return [list(rows)]
    inputs = (batch.lengths - 1).clamp_min(0).tolist()
    prompts = batch.prompt_lengths.tolist()
    prompt_of = batch.prompt_of.tolist()
    size = [prompts[prompt_of[r[0]]] + sum(inputs[i] for i in r) for r in rows]
    micro: list[list[list[int]]] = []
    widest = 0
    for i in sorted(range(len(rows)), key=lambda i: (size[i], i)):
        widest = max(widest, size[i])
        if not micro or (len(micro[-1]) + 1) * widest > budget:
            micro.append([])
            widest = size[i]
        micro[-1].append(rows[i])
    return micro


def pack(batch: Completions, rows: Sequence[list[int]], pad_id: int, dtype: torch.dtype) -> Packed:
    """Lay rows out for one forward pass."""
    items = torch.tensor([i for row in rows for i in row])
    row_of = torch.tensor([r for r, row in enumerate(rows) for _ in row])
    prompt_of_row = batch.prompt_of[torch.tensor([row[0] for row in rows])]
    head = batch.prompt_lengths[prompt_of_row]
    length = batch.lengths[items]
    inputs = (length - 1).clamp_min(0)
    before = inputs.cumsum(0) - inputs  # tokens of earlier completions, over all rows
    first = torch.tensor([0, *[len(r) for r in rows]]).cumsum(0)[:-1]
    start = head[row_of] + before - before[first][row_of]
    total = head + torch.zeros_like(head).index_add_(0, row_of, inputs)
    width = int(total.max())

    input_ids = torch.full((len(rows), width), pad_id)
    columns = min(batch.prompts.shape[1], width)
    input_ids[:, :columns] = batch.prompts[prompt_of_row][:, :columns]
    at = torch.arange(width)
    segment = torch.where(at < head[:, None], 0, -1)
    position = at.expand(len(rows), width).clone()

    item = torch.repeat_interleave(torch.arange(len(items)), inputs)
    offset = torch.arange(len(item)) - torch.repeat_interleave(before, inputs)
    column = start[item] + offset
    input_ids[row_of[item], column] = batch.tokens[items[item], offset]
    segment[row_of[item], column] = item + 1
    position[row_of[item], column] = head[row_of[item]] + offset
    position = torch.where(segment >= 0, position, 0)
    input_ids = torch.where(segment >= 0, input_ids, pad_id)

    which, when = batch.mask[items].nonzero(as_tuple=True)
    column = torch.where(when == 0, head[row_of[which]] - 1, start[which] + when - 1)
    device = batch.tokens.device
    return Packed(
        rows=items,
        input_ids=input_ids.to(device),
        position_ids=position.to(device),
        attention_mask=_mask(segment, dtype).to(device),
        source=(row_of[which] * width + column).to(device),
        target=batch.tokens[items[which], when].to(device),
        place=(which * batch.tokens.shape[1] + when).to(device),
    )


def _mask(segment: Tensor, dtype: torch.dtype) -> Tensor:
    width = segment.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    key, query = segment[:, None, :], segment[:, :, None]
    seen = ((key == 0) | (key == query)) & (key >= 0) & causal
    seen |= torch.eye(width, dtype=torch.bool)  # padding looks at itself, so that no row of the mask is empty
    out = torch.zeros(seen.shape, dtype=dtype)
    return out.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
