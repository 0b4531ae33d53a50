from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from guerdon.engines.native import policy as policies
from guerdon.engines.native.policy import Policy
from guerdon.engines.native.rollout import Rollouts, collect
from guerdon.engines.native.run import PROVIDES, Result, train
from guerdon.engines.native.sampler import Sampling
from guerdon.pipeline import Pipeline
from guerdon.recipe import Policy as PolicyRecipe
from guerdon.recipe import Recipe, load
from guerdon.records import Task

TINY = {"hidden": 32, "layers": 1, "heads": 2, "window": 64}
BASE: dict[str, Any] = {
    "task": {"use": "arithmetic", "digits": 1},
    "rollout": {"prompts": 4, "group": 4},
    "train": {"steps": 4, "lr": 1e-2, "checkpoint_every": 2, "threads": 1},
    "eval": {"every": 100, "size": 10, "samples": 2},
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    # what is compared bit for bit here is also computed in other processes, which use one thread
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that adds digits right about every third time, as a Hugging Face directory."""
    folder = tmp_path_factory.mktemp("warm") / "run"
    data = merged(BASE, {
        "policy": TINY, "train": {"steps": 1},
        "warm_start": {"target": [0.2, 0.6], "batch": 64, "lr": 5e-3, "check_every": 20, "check_size": 100},
    })  # fmt: skip
    return train(data, out=folder).path / "policy"


@pytest.fixture(scope="session")
def recipe(warm: Path) -> Callable[..., Recipe]:
    """A recipe that starts from the warm policy, with changes."""

    def make(allow_code: bool = False, **changes: Any) -> Recipe:
        return load(merged({**BASE, "policy": {"use": str(warm)}}, changes), allow_code=allow_code)

    return make


@pytest.fixture
def trained(recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Result]:
    """Train the warm policy in a folder of the test."""

    def run(name: str = "run", allow_code: bool = False, callbacks: Any = (), **changes: Any) -> Result:
        chosen = recipe(allow_code=allow_code, **changes)
        return train(chosen, out=tmp_path / name, callbacks=callbacks, allow_code=allow_code)

    return run


@pytest.fixture
def double() -> Iterator[None]:
    """Everything in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def spread(policy: Policy, seed: int = 0, scale: float = 0.2) -> Policy:
    """Weights far enough from their small start that every decision has its own probabilities."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in policy.model.parameters():
            if p.ndim > 1:
                p.copy_(torch.randn(p.shape, generator=g, dtype=torch.float64).mul_(scale))
    return policy


@pytest.fixture
def tiny() -> Callable[..., Policy]:
    """An untrained policy with spread-out weights."""

    def make(family: str = "qwen3", layers: int = 2, wide: bool = False, **more: Any) -> Policy:
        recipe = PolicyRecipe(**{**TINY, "layers": layers, "family": family, **more})
        policy = spread(policies.build(recipe, characters="0123456789+=abc "))
        if wide:
            policy.model.double()
            policy.dtype = torch.float64
        return policy

    return make


@pytest.fixture
def sums() -> list[Task]:
    """Prompts of unequal length."""
    return [Task(f"t{i}", p, gold="1") for i, p in enumerate(("1+2=", "a 3+4=", "12+7=", "b="))]


@pytest.fixture
def rollouts(tiny: Callable[..., Policy], sums: list[Task]) -> Callable[..., Rollouts]:
    """Sampled rows of a policy, with completions of unequal length."""

    def make(policy: Policy, copies: int = 3, tokens: int = 6) -> Rollouts:
        # several characters end a row, so that lengths differ
        ending = dataclasses.replace(policy, end_ids=(2, 4, 5, 6, 7))
        return collect(ending, sums, copies, Sampling(max_new_tokens=tokens), (0, "test"))

    return make


@pytest.fixture
def pipeline() -> Callable[..., Pipeline]:
    """The pipeline of a list of objectives."""

    def make(*objective: Any, **more: Any) -> Pipeline:
        data = {"task": "arithmetic", "reward": ["answer_equal"], "objective": list(objective), **more}
        return Pipeline(load(data), provides=PROVIDES)

    return make
