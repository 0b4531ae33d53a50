"""One optimiser step: the pipeline's loss over a batch, whatever the split into micro-batches.

With one micro-batch the loss is differentiated directly. With several, the loss is a weighted sum fixed by the mask of
the whole batch, so parts add up. When an objective takes statistics over the whole batch, a first pass without
gradient collects its signals, the loss is differentiated with respect to them, and a second pass carries that
gradient into the model: the result is that of one large batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.engines.native.forward import VOCAB, micro_batches, statistics
from guerdon.engines.native.packing import Packed
from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts
from guerdon.errors import NumericsError
from guerdon.frame import Frame, Key, cut, key
from guerdon.ops.kernels import stat_key
from guerdon.pipeline import Loss, Pipeline


@dataclass
class Updater:
    """What one optimiser step needs besides the batch.

    ``budget`` is the padded tokens of a micro-batch, ``shared`` whether completions share their prompt's pass.
    """

    policy: Policy
    pipeline: Pipeline
    optimizer: torch.optim.Optimizer
    value_head: torch.nn.Module | None
    budget: int | None
    shared: bool
    clip_norm: float | None
    non_finite: str

    def wanted(self, known: Collection[str] = ()) -> dict[Key, str]:
        """Signals of the current policy that the objectives read.

        Args:
            known: signals that need not be looked at; a behaviour policy's own that is not among them is the current
                policy's, because the batch is updated once.
        """
        want = {key("logp"): "logp"}
        for name, settings in self.pipeline.asked((*VOCAB, "value"), self.pipeline.losses()):
            want[key(name, settings)] = stat_key(name, settings)
        for name, _ in self.pipeline.asked(("old_entropy", "old_value"), self.pipeline.losses()):
            now = name.removeprefix("old_")
            if name not in known:
                want[key(now)] = stat_key(now, {})
        return want

    def idle_rows_are_free(self) -> bool:
        """Whether a row without advantage adds neither loss nor gradient, so that its forward pass can be left out."""
        losses = [t.component.card for t in self.pipeline.terms if t.role in ("token_loss", "penalty")]
        return not self.pipeline.whole_batch and all("zero_without_advantage" in c.traits for c in losses)

    def step(self, rollouts: Rollouts, values: Mapping[str, Any], at: Callable[[Mapping], Frame]) -> dict[str, float]:
        """Update the policy once.

        Args:
            rollouts: the rows of this optimiser batch.
            values: their signals known before the update (advantages, old and reference log-probs, ...).
            at: makes a frame of the run's current step from signals.

        Returns:
            What is logged: the loss and its parts, gradient norm, clip shares.
        """
        self.optimizer.zero_grad(set_to_none=True)
        batch = rollouts.completions
        size, width = batch.tokens.shape
        want = self.wanted(values)
        active = torch.arange(size)
        if self.idle_rows_are_free():
            some = torch.stack([v != 0 for k, v in values.items() if k.partition("/")[0] == "advantage"]).any(0)
            active = (some & values["mask"]).any(1).nonzero()[:, 0]
        micro = micro_batches(batch, active, self.policy, budget=self.budget, shared=self.shared)
        device = self.policy.device
        values = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()}
        weights = self.pipeline.term_weights(values)
        values = {**values, **self.pipeline.coefficients(at(values))}
        full = {k: torch.zeros(size, width, device=device) for k in want}
        heat = float(values["temperature"])
        mask = values["mask"]
        replayed = "replay" in values.get("source", ())

        def forward(packed: Packed) -> dict[Key, Tensor]:
            found = statistics(self.policy, packed, width, want, temperature=heat, value_head=self.value_head)
            for k, v in found.items():
                full[k][packed.rows] = v.detach()
            return found

        def loss(rows: Tensor, stats: Mapping[Key, Tensor]) -> Loss:
            frame = at({**{k: cut(v, rows, size) for k, v in values.items()}})
            for (name, settings), value in stats.items():
                frame.put(name, value, dict(settings))
            for name in ("logp", "entropy", "value"):
                if f"old_{name}" not in frame and key(name) in stats:
                    frame.put(f"old_{name}", stats[key(name)].detach())  # exactly on-policy
            if replayed:  # rows of this step stand beside them without a log-prob of their own
                given = frame.get("old_logp")
                frame.put("old_logp", torch.where(torch.isnan(given), stats[key("logp")].detach(), given))
            part = {k: v[rows] for k, v in weights.items()}
            return self.pipeline.loss(frame, part)

        if len(micro) > 1 and self.pipeline.whole_batch:
            logs = self._two_passes(micro, forward, loss, want, full)
        else:
            logs = {"loss/total": 0.0}
            for packed in micro:
                result = loss(packed.rows, forward(packed))
                result.total.backward()
                part = float(mask[packed.rows].sum() / mask.sum().clamp_min(1))
                for k, v in result.logs.items():
                    # losses add up over micro-batches, means of weights are averaged by decisions
                    share = part if k.startswith("weight/") else 1.0
                    logs[k] = logs.get(k, 0.0) + (float(v) * share if share else 0.0)
        logs |= self._apply(logs)
        return logs

    def _two_passes(self, micro, forward, loss, want, full) -> dict[str, float]:
        with torch.no_grad():
            for packed in micro:
                forward(packed)
        leaves = {k: full[k].clone().requires_grad_() for k in want}
        result = loss(torch.arange(len(next(iter(full.values())))), leaves)
        grads = torch.autograd.grad(result.total, list(leaves.values()), allow_unused=True)
        for packed in micro:
            stats = forward(packed)
            pairs = [(stats[k] * g[packed.rows]).sum() for k, g in zip(leaves, grads, strict=True) if g is not None]
            torch.stack(pairs).sum().backward()
        return {k: float(v) for k, v in result.logs.items()}

    def _apply(self, losses: Mapping[str, float]) -> dict[str, float]:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for p in parameters:
            if p.grad is None:  # nothing to learn from: the optimiser's momentum still moves, as with a zero gradient
                p.grad = torch.zeros_like(p)
        limit = self.clip_norm if self.clip_norm is not None else math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, limit))
        broken = {k: v for k, v in losses.items() if k.startswith("loss/") and not math.isfinite(v)}
        if broken or not math.isfinite(norm):
            self.optimizer.zero_grad(set_to_none=True)
            if self.non_finite == "raise":
                raise NumericsError(
                    f"the {'loss' if broken else 'gradient'} is not finite", where="update",
                    seen={**broken, "grad_norm": norm},
                    fix="lower train.lr, look at the rewards of the last step, or set train.non_finite=skip",
                )  # fmt: skip
            return {"grad_norm": math.nan, "skipped_updates": 1.0}
        self.optimizer.step()
        return {"grad_norm": norm, "skipped_updates": 0.0}
