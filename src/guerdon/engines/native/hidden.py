"""Hidden states for methods that read them, reduced row by row: the states of a batch are never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from guerdon.component import Component
from guerdon.engines.native.forward import decision_states, micro_batches
from guerdon.engines.native.rollout import Rollouts
from guerdon.errors import RecipeError
from guerdon.frame import Frame
from guerdon.pipeline import Pipeline
from guerdon.recipe import Recipe

if TYPE_CHECKING:
    from guerdon.engines.native.loop import Loop

RANK = "hidden_rank"


def refuse_tables(recipe: Recipe, pipeline: Pipeline) -> None:
    """Say before anything starts that a table of probabilities has no hidden states.

    Raises:
        RecipeError: a method reads them and the policy is a table.
    """
    if recipe.policy.use == "table" and "hidden" in pipeline.needs():
        users = [c.label for c in pipeline.everything() if any(i.name in (RANK, "hidden") for i in c.card.inputs)]
        raise RecipeError(
            "a table of probabilities has no hidden states", where="policy.use", seen=f"table, read by {users}",
            allowed="tiny, or a language model", fix="policy: tiny",
        )  # fmt: skip


@torch.no_grad()
def put_ranks(loop: Loop, frame: Frame, rollouts: Rollouts) -> None:
    """Compute what the recipe asks of the hidden states of a batch and put it into the frame.

    A forward pass holds the states of its own micro-batch, as every pass does; each row is reduced at once.
    """
    provider = loop.pipeline.providers[RANK]
    asked = [settings for _, settings in loop.pipeline.asked({RANK}, loop.pipeline.early())]
    ready = [Component(provider.method, {**provider.params, **s}, provider.bind) for s in asked]
    batch = rollouts.completions
    found = [torch.zeros(len(batch), 3) for _ in ready]
    width = batch.tokens.shape[1]
    every = torch.arange(len(batch))
    for packed in micro_batches(batch, every, loop.policy, budget=loop.budget, shared=loop.recipe.train.share_prompt):
        states, row = decision_states(loop.policy, packed), packed.place // width
        for local, i in enumerate(packed.rows.tolist()):
            for component, out in zip(ready, found, strict=True):
                out[i] = _reduced(component, states[row == local])
    for settings, value in zip(asked, found, strict=True):
        frame.put(RANK, value, settings)


def _reduced(component: Component, states: Tensor) -> Tensor:
    given: dict[str, Any] = {"hidden": states[None], "mask": states.new_ones(1, len(states), dtype=torch.bool)}
    return component(given)[0].float().cpu()
