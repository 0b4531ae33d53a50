"""Names of the vocabulary statistics, with their settings, and the plain formulas on a matrix of logits."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import RecipeError, UnknownNameError

# log-probs below this are impossible decisions in every float type; a finite floor keeps 0 * -inf out of the sums
FLOOR = -1e4
DIFFERENTIABLE = ("logp", "entropy", "collision", "collision_logp", "nucleus_entropy")
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "logp": {},
    "entropy": {},
    "collision": {},
    "collision_logp": {},
    "nucleus_entropy": {"top_p": 0.8, "inclusive": False, "top_k": 10000},
    "tempered_logp": {"temperature": 1.0},
    "taken_logit": {},
    "log_partition": {"alpha": 1.0},
}


@dataclass(frozen=True)
class Stat:
    """One statistic of a row of logits: its name in the vocabulary, its settings, and the key it is returned under."""

    name: str
    settings: tuple[tuple[str, Any], ...]
    key: str

    def get(self, setting: str) -> Any:
        """Value of a setting."""
        return dict(self.settings)[setting]

    @classmethod
    def parse(cls, key: str) -> Stat:
        """Read ``name`` or ``name(setting=value, ...)``.

        Raises:
            UnknownNameError: the statistic or a setting is not known.
            RecipeError: the text is not of that form, or a value is out of range.

        Example:
            >>> Stat.parse("log_partition(alpha=0.5)").get("alpha")
            0.5
        """
        found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", key)
        if found is None:
            raise RecipeError("not a statistic", seen=key, fix="write name or name(setting=value)")
        name, inside = found[1], found[2]
        if name not in SETTINGS:
            raise UnknownNameError("statistic of the vocabulary", name, SETTINGS)
        values = dict(SETTINGS[name])
        for part in filter(None, (p.strip() for p in (inside or "").split(","))):
            setting, _, text = (p.strip() for p in part.partition("="))
            if setting not in values:
                raise UnknownNameError(f"setting of {name}", setting, values)
            try:
                values[setting] = ast.literal_eval(text)
            except (ValueError, SyntaxError):
                raise RecipeError(f"not a value for {setting}", where=name, seen=text) from None
        _check(name, values)
        return cls(name, tuple(values.items()), key)


def _check(name: str, values: Mapping[str, Any]) -> None:
    for setting in ("alpha", "temperature", "top_p"):
        value = values.get(setting, 1.0)
        if not isinstance(value, (int, float)) or not value > 0:
            raise RecipeError(f"{setting} must be above 0", where=name, seen=value)
    top_k = values.get("top_k")
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        raise RecipeError("top_k must be a whole number above 0, or None", where=name, seen=top_k)


def stat_key(name: str, settings: Mapping[str, Any]) -> str:
    """The key that asks for a statistic with settings, as a recipe binds them.

    Example:
        >>> stat_key("log_partition", {"alpha": 0.5})
        'log_partition(alpha=0.5)'
    """
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in settings.items())})" if settings else name


def nucleus(logp: Tensor, stat: Stat) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the ``top_k`` largest, their log-probs inside the nucleus, and which of them are inside.

    The nucleus is cut on the probabilities of the whole vocabulary; ``inclusive`` keeps the decision at which the
    mass reaches ``top_p``, otherwise only the ones before it.
    """
    size = logp.shape[-1]
    best, index = logp.topk(min(stat.get("top_k") or size, size), dim=-1)
    mass = best.detach().exp()
    before = mass.cumsum(-1) - (mass if stat.get("inclusive") else 0.0)
    inside = (before < stat.get("top_p")) & (mass > 0)
    return index, best, inside


def nucleus_entropy(logp: Tensor, stat: Stat) -> Tensor:
    """Entropy of the renormalised nucleus; 0 where the nucleus is empty."""
    _, best, inside = nucleus(logp, stat)
    none = ~inside.any(-1, keepdim=True)
    # an empty nucleus is computed as one certain decision, so that no 0/0 reaches the gradient
    kept = best.masked_fill(~inside, float("-inf"))
    kept = torch.where(none, torch.zeros_like(kept), kept)
    kept = torch.log_softmax(kept, -1)
    terms = kept.exp() * kept.clamp_min(FLOOR)
    return torch.where(none[..., 0], torch.zeros_like(terms[..., 0]), -terms.sum(-1))


def dense(logits: Tensor, targets: Tensor, want: Sequence[Stat], temperature: float, masked: bool) -> dict[str, Tensor]:
    """Every statistic by its formula, on the whole matrix; autograd does the rest.

    Args:
        logits: ``[tokens, vocab]`` before the temperature.
        targets: ``[tokens]``, a negative id marks a row without a decision.
        want: the statistics.
        temperature: divides the logits of all but ``taken_logit``, ``log_partition`` and ``tempered_logp``.
        masked: whether logits may be ``-inf``.
    """
    taken = targets.clamp_min(0)[:, None]
    named = any(s.name in DIFFERENTIABLE for s in want)
    logp = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, -1) if named else logits
    safe = logp.clamp_min(FLOOR) if masked else logp
    prob = logp.exp() if any(s.name in ("entropy", "collision", "collision_logp") for s in want) else logp
    raw = logits.detach()
    out: dict[str, Tensor] = {}
    for stat in want:
        if stat.name == "logp":
            value = logp.gather(1, taken)[:, 0]
        elif stat.name == "entropy":
            value = -(prob * safe).sum(-1)
        elif stat.name == "collision":
            value = (prob * prob).sum(-1)
        elif stat.name == "collision_logp":
            value = (prob * prob * safe).sum(-1)
        elif stat.name == "nucleus_entropy":
            value = nucleus_entropy(logp, stat)
        elif stat.name == "taken_logit":
            value = raw.gather(1, taken)[:, 0]
        elif stat.name == "tempered_logp":
            value = torch.log_softmax(raw / stat.get("temperature"), -1).gather(1, taken)[:, 0]
        else:
            value = stat.get("alpha") * torch.logsumexp(raw / stat.get("alpha"), -1)
        if stat.name in ("logp", "taken_logit", "tempered_logp"):
            value = value.masked_fill(targets < 0, 0.0)
        out[stat.key] = value
    return out
