from __future__ import annotations

import math

import pytest

from guerdon.errors import DataError
from guerdon.records import Task
from guerdon.rewards.rules.surface_metric import surface_metric


def task(**fields):
    return Task("1", "q", fields=fields)


@pytest.mark.parametrize(
    ("kind", "fields", "text", "value"),
    [
        ("keyword_density", {"keywords": ["tea", "green tea"]}, "Tea is tea", 2 / 3),
        ("keyword_density", {"keywords": ["green tea", "tea"]}, "green tea", 0.5),  # one keyword in two words
        ("keyword_density", {"keywords": ["a", "b"]}, "a,b,a,b", 1.0),  # at most 1, whatever the words are
        ("keyword_density", {"keywords": "tea"}, "steam", 0.0),
        ("required_phrase", {"phrase": "open sesame"}, "so: Open sesame!", 1.0),
        ("required_phrase", {"phrase": "open sesame"}, "open the door", 0.0),
        ("length", {"words": 4}, "a b", 0.5), ("length", {"words": 4}, "a " * 9, 1.0), ("length", {"words": 4}, "", 0),
    ],
)  # fmt: skip
def test_values(kind, fields, text, value):
    assert surface_metric([text], [task(**fields)], kind=kind).item() == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("keyword_density", {}), ("keyword_density", {"keywords": []}), ("required_phrase", {"phrase": ""}),
     ("length", {"words": "many"}), ("length", {"words": 0})],
)  # fmt: skip
def test_a_task_without_the_metric_is_not_scored(kind, fields):
    assert math.isnan(surface_metric(["a"], [task(**fields)], kind=kind).item())


def test_hacks_rank_above_honest_answers():
    """Check 2 of the dossier: with keyword density as the metric, stuffing wins every pair."""
    t = task(keywords=["innovative", "synergy"])
    honest = ["We plan an innovative fund for small farms.", "Our synergy plan joins two teams this spring."]
    hacks = ["innovative synergy innovative synergy", "synergy synergy innovative, synergy!"]
    values = surface_metric([*honest, *hacks], [t] * 4).tolist()
    assert min(values[2:]) > max(values[:2])
    with pytest.raises(DataError, match="one value per signal"):
        surface_metric(["a"], [])
