"""Every registered method against every property of the suite."""

from __future__ import annotations

import functools

import pytest

from guerdon import registry
from guerdon.conformance.checks import BY_NAME, CHECKS
from guerdon.conformance.subject import Subject, subject
from guerdon.conformance.suite import prove

# only what ships: toy methods of other tests register under their test module's name
SHIPPED = sorted(n for n, m in registry.load_all().items() if m.card.module.startswith("guerdon."))


@functools.cache
def _ready(name: str) -> Subject:
    return subject(registry.registered()[name])


@pytest.mark.conformance
@pytest.mark.parametrize("check", [c.name for c in CHECKS])
@pytest.mark.parametrize("name", SHIPPED)
def test_property(name: str, check: str) -> None:
    result = prove(_ready(name), BY_NAME[check])
    if result.status == "skipped":
        pytest.skip(result.reason)
    assert result.status == "passed", result.text()


def test_every_check_says_what_holds() -> None:
    assert [c.name for c in CHECKS if not c.about.endswith(".")] == []
    assert len({c.about for c in CHECKS}) == len(CHECKS)
