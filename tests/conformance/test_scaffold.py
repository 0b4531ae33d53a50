"""``guerdon new``: red in exactly one property, green once the formula is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon.conformance.check import check
from guerdon.conformance.scaffold import RED, SKELETONS, source, stages, write
from guerdon.errors import RecipeError, UnknownNameError
from guerdon.method import _LOCAL

# the formulas that the docstrings state, as a user would write them
FORMULAS = {
    "reward": "torch.tensor([per_word * len(c.split()) for c in completion])",
    "verifier": "Verdict.of([c.endswith(g) for c, g in zip(completion, gold, strict=True)])",
    "process reward": "torch.where(step_mask, 0.5 * step_score, torch.zeros_like(step_score)).detach()",
    "shaping": "reward.clamp(-bound, bound)",
    "advantage": "broadcast(torch.where((g := groups(group_id, reward)).spread(g.count) < 2, reward * 0, "
    "reward - g.spread(g.mean(reward))), mask)",
    "token_loss": "-advantage * log_ratio.exp()",
    "weight": "log_ratio.detach().exp().clamp(max=cap)",
    "mask": "log_ratio.abs() <= bound",
    "penalty": "-coef * masked_mean(logp, mask)",
    "coefficient": "coef * kl.mean() / target",
    "preference loss": "(1 - (chosen_score - rejected_score)).clamp_min(0.0)",
    "selection": "reward >= low",
}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    before, modules = dict(_LOCAL), set(sys.modules)
    yield
    _LOCAL.clear()
    _LOCAL.update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("my_"):
            del sys.modules[name]


def _name(stage: str) -> str:
    return "my_" + stage.replace(" ", "_")


@pytest.mark.parametrize("stage", sorted(SKELETONS))
def test_red_then_green(tmp_path: Path, stage: str) -> None:
    path, _ = write(stage, _name(stage), tmp_path)
    first = check(path)
    assert [r.check for r in first.methods[0].results if r.status == "failed"] == [RED], first.text()
    assert "Expected:" in first.text()
    text = path.read_text("utf-8")
    placeholder = SKELETONS[stage].placeholder
    assert text.count(placeholder) == 1
    path.write_text(text.replace(placeholder, FORMULAS[stage]), "utf-8")
    second = check(path)
    assert second.ok, second.text()


def test_a_wrong_formula_stays_red_with_the_smallest_input(tmp_path: Path) -> None:
    path, _ = write("advantage", "my_wrong", tmp_path)
    text = path.read_text("utf-8").replace(SKELETONS["advantage"].placeholder, "broadcast(reward, mask)")
    path.write_text(text, "utf-8")
    report = check(path, only=["shift_invariant"])
    assert not report.ok
    assert "smallest failing input" in report.text()
    assert "reward = torch.tensor(" in report.text()


def test_the_written_test_file_runs_the_suite(pytester_free_run) -> None:
    outcome = pytester_free_run
    # 23 properties, of which one is red; passed and skipped ones both pass in the user's test
    assert outcome == (1, True)


@pytest.fixture
def pytester_free_run(tmp_path: Path) -> tuple[int, bool]:
    """Failures of the generated test, run in this process property by property."""
    from guerdon.conformance.checks import CHECKS

    _, test = write("shaping", "my_shape", tmp_path)
    scope: dict = {"__file__": str(test), "__name__": "my_shape_test"}
    exec(compile(test.read_text("utf-8"), str(test), "exec"), scope)
    failures = []
    for check_ in CHECKS:
        try:
            scope["test_property"](check_.name)
        except AssertionError:
            failures.append(check_.name)
    return len(failures), failures == [RED]


def test_roles_and_stages() -> None:
    assert 'role="mask"' in source("objective", "my_keep", role="mask")
    assert 'role="token_loss"' in source("objective", "my_loss")
    assert 'stage="process reward"' in source("process_reward", "my_steps")
    assert "advantage" in stages()


def test_errors_name_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="advantage"):
        source("advantages", "my_a")
    with pytest.raises(RecipeError, match="lower case"):
        source("reward", "My-Rule")
    with pytest.raises(RecipeError, match="signal"):
        source("reward", "reward")
    write("reward", "my_once", tmp_path)
    with pytest.raises(RecipeError, match="not overwritten"):
        write("reward", "my_once", tmp_path)
