"""Rows of earlier steps in the batch of this one: stored after the advantages, joined before the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from guerdon.combine import own_advantage
from guerdon.component import Component
from guerdon.engines.native.forward import VOCAB, frozen_statistics
from guerdon.engines.native.packing import Completions
from guerdon.engines.native.policy import pad
from guerdon.engines.native.rollout import Rollouts, join
from guerdon.errors import RecipeError
from guerdon.frame import Frame
from guerdon.pipeline import Pipeline
from guerdon.runtime.seeds import generator
from guerdon.selection.replay_buffer import ReplayBuffer, Stored

if TYPE_CHECKING:
    from guerdon.engines.native.loop import Loop

SOURCE = "replay"
# what the update knows of a row that was stored; everything else of the row is gone
KNOWN = frozenset(
    ("tokens", "mask", "group_id", "source", "reward", "old_logp", "ref_logp", "advantage", "temperature")
)
_RUN = frozenset(("rng", "train_step", "train_progress", "last", "history", "logp", *VOCAB))


def buffer(pipeline: Pipeline) -> ReplayBuffer | None:
    """The replay buffer of a recipe, None where it has none."""
    return next((c.instance for c in pipeline.selection if isinstance(c.instance, ReplayBuffer)), None)


def check(pipeline: Pipeline) -> None:
    """Say before anything starts what replayed rows cannot be trained with.

    Raises:
        RecipeError: an objective reads a signal that is not stored, or no objective trains on replayed rows.
    """
    if buffer(pipeline) is None:
        return
    missing = pipeline.needs_in_update() - KNOWN - _RUN
    if missing:
        raise RecipeError("an objective reads what is not known of replayed rows", where="selection.replay_buffer",
                          seen=sorted(missing), allowed=sorted(KNOWN), fix="choose other objectives")  # fmt: skip
    losses = [t for t in pipeline.terms if t.role == "token_loss"]
    if not any(t.rows is not None and SOURCE in t.rows for t in losses):
        raise RecipeError("rows are stored and no objective trains on them", where="objective",
                          fix="add an entry with rows: [replay], and rows: [base] to the others")  # fmt: skip


def joined(loop: Loop, rows: Rollouts, values: dict[str, Any]) -> tuple[Rollouts, dict[str, Any], dict[str, float]]:
    """Store what is worth it, and add to the batch what is replayed.

    Args:
        loop: the run.
        rows: the rows of this step's update.
        values: their signals, advantages included.

    Returns:
        Rows and signals of the update, and what is logged about the buffer.
    """
    kept = buffer(loop.pipeline)
    if kept is None:
        return rows, values, {}
    old = values["old_logp"] if "old_logp" in values else rows.sampled["logp"]
    calls = loop.frame(values).get("tool_calls") if kept.require_tool else None
    chosen = kept.worth(values["advantage"], values["mask"], values["reward"], calls)
    kept.store([_stored(rows, values, old, i, loop.step) for i in chosen], loop.step)
    logs = {"replay/stored": float(len(kept.rows)), "replay/good": 0.0, "replay/rows": 0.0}
    if not kept.rows:
        return rows, values, logs
    again = _rollouts(loop, kept.rows, int(values["group_id"].max()) + 1)
    _advantages(loop, again)
    worth = torch.where(again.values["mask"], again.values["advantage"], 0.0).amax(1).tolist()
    logs["replay/good"] = float(sum(w > 0 for w in worth))
    picked = kept.choose(worth, generator(loop.recipe.train.seed, "replay", loop.step))
    if not picked:
        return rows, values, logs
    logs |= {
        "replay/rows": float(len(picked)),
        "replay/age": sum(loop.step - kept.rows[i].step for i in picked) / len(picked),
    }  # fmt: skip
    kept.clear()
    again = again.pick(torch.tensor(picked))
    if "ref_logp" in values:
        assert loop.reference is not None
        again.values["ref_logp"] = frozen_statistics(
            loop.reference, again.completions, ["logp"], budget=loop.budget, shared=False,
            temperature=float(values["temperature"]),
        )["logp"].cpu()  # fmt: skip
    if "old_logp" not in values:  # sampled by the policy as it is now: the update takes its own log-probs for these
        values = {**values, "old_logp": torch.full_like(old, float("nan"))}
    return *_together(rows, values, again), logs


def _stored(rows: Rollouts, values: dict[str, Any], old: Tensor, i: int, step: int) -> Stored:
    c, n = rows.completions, int(rows.completions.lengths[i])
    which = int(c.prompt_of[i])
    prompt = c.prompts[which, : int(c.prompt_lengths[which])]
    return Stored(
        step, i, prompt.clone(), c.tokens[i, :n].clone(), old[i, :n].float().cpu().clone(),
        values["advantage"][i, :n].float().cpu().clone(), float(values["reward"][i]),
    )  # fmt: skip


def _rollouts(loop: Loop, rows: list[Stored], first_group: int) -> Rollouts:
    """Stored rows as a batch; each is a group of its own."""
    prompts, prompt_lengths = pad([r.prompt.tolist() for r in rows], loop.policy.pad_id)
    tokens, lengths = pad([r.tokens.tolist() for r in rows], loop.policy.pad_id)
    mask = torch.arange(tokens.shape[1]) < lengths[:, None]
    place = torch.arange(len(rows))
    values: dict[str, Any] = {
        "tokens": tokens, "mask": mask, "group_id": first_group + place, "source": [SOURCE] * len(rows),
        "reward": torch.tensor([r.reward for r in rows]),
    }  # fmt: skip
    for name, column in (("old_logp", [r.logp for r in rows]), ("advantage", [r.advantage for r in rows])):
        values[name] = torch.nn.utils.rnn.pad_sequence(column, batch_first=True)
    return Rollouts(Completions(prompts, prompt_lengths, place, tokens, lengths, mask), values, {})


def _advantages(loop: Loop, again: Rollouts) -> None:
    """What stored rows are worth now: the parts of each chain that tell rows by their source, from what was stored."""
    pipeline = loop.pipeline
    main = _chained(loop, again, again.values["advantage"], pipeline.advantages)
    again.values["advantage"] = main
    for term in pipeline.terms:
        if term.advantages:
            again.values[own_advantage(term.label)] = _chained(loop, again, main, term.advantages)


def _chained(loop: Loop, again: Rollouts, start: Tensor, chain: Sequence[Component]) -> Tensor:
    frame: Frame = loop.frame({k: v for k, v in again.values.items() if k.partition("/")[0] != "advantage"})
    frame.put("advantage", start)
    for component in chain:
        if any(i.name == "source" for i in component.card.inputs):
            frame.put("advantage", component(frame.gather(component), step=frame.step, total=frame.total))
    return frame.get("advantage").detach()


def _together(rows: Rollouts, values: dict[str, Any], again: Rollouts) -> tuple[Rollouts, dict[str, Any]]:
    shared = {k: v for k, v in values.items() if k in again.values}
    both = join([Rollouts(rows.completions, shared, {}), Rollouts(again.completions, again.values, {})])
    # what is no column of rows, such as the temperature, holds for all of them
    size = len(rows)
    whole = {k: v for k, v in values.items() if k not in shared and not _per_row(v, size)}
    return both, {**whole, **both.values}


def _per_row(value: Any, size: int) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, Tensor) and value.ndim > 0 and len(value) == size)
