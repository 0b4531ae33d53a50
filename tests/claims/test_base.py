from __future__ import annotations

import json
import subprocess
import sys

import pytest

from guerdon.claims import base
from guerdon.claims.base import FAMILIES, Target, all_claims, claim, find, published
from guerdon.claims.lab import accuracy, entropy, questions, run
from guerdon.cli import main
from guerdon.errors import MethodError, UnknownNameError


@pytest.fixture
def toy(monkeypatch):
    """A claim that is forgotten after the test."""
    monkeypatch.setattr(base, "_CLAIMS", dict(base._CLAIMS))

    def make(values, *, bound=1.0, above=True, exact=False):
        @claim("entropy/toy", sentence="Toy.", baseline="nothing", seeds=3,
               targets=(Target("gain", bound, "a reason", above=above, exact=exact),))  # fmt: skip
        def toy(lab):
            return {"gain": list(values)}

        return toy

    return make


@pytest.mark.parametrize(
    ("values", "above", "verdict"),
    [((1.2, 1.3, 1.4), True, "reproduced"), ((0.1, 0.2, 0.3), True, "not_reproduced"),
     ((0.1, 1.2, 1.3), True, "inconclusive"), ((0.1, 0.2, 0.3), False, "reproduced"),
     ((1.0, 1.0, 1.0), True, "reproduced")],
)  # fmt: skip
def test_the_verdict_follows_from_the_interval(toy, values, above, verdict):
    outcome = run(toy(values, above=above))
    assert outcome.verdict == verdict
    assert outcome.parts[0].measured == pytest.approx(sum(values) / 3)
    assert outcome.data()["threshold"] == ("at least 1" if above else "at most 1")


def test_the_worst_part_decides(monkeypatch):
    monkeypatch.setattr(base, "_CLAIMS", {})
    targets = (Target("a", 0.0, "r"), Target("b", 1.0, "r"))
    made = claim("entropy/two", sentence="T.", baseline="b", targets=targets)(
        lambda lab: {"a": [1.0] * 3, "b": [0.0] * 3}
    )
    assert [p.verdict for p in run(made).parts] == ["reproduced", "not_reproduced"]
    assert run(made).verdict == "not_reproduced"


def test_what_was_not_measured_is_an_error(toy):
    with pytest.raises(MethodError, match="not finite"):
        run(toy((float("nan"),)))
    made = toy((1.0,))
    object.__setattr__(made, "run", lambda lab: {"loss": [1.0]})
    with pytest.raises(MethodError, match="exactly its targets"):
        run(made)


def test_a_trained_claim_needs_three_seeds_and_a_name_of_its_own():
    with pytest.raises(MethodError, match="three seeds"):
        claim("entropy/x", sentence="", baseline="", targets=(Target("a", 0, "r"),), seeds=2)(lambda lab: {})
    with pytest.raises(UnknownNameError, match="clip-cov-kl-cov"):
        find("clip-cov-kl")


def test_every_claim_states_itself_and_the_list_loads_no_torch():
    for item in all_claims().values():
        assert item.sentence.endswith(".")
        assert item.family.replace("-", "_") in FAMILIES
        assert all(t.because for t in item.targets)
        stored = published(item.name)
        if stored is not None:  # what is published is about the claim as it stands
            assert stored["sentence"] == item.sentence
            assert [p["name"] for p in stored["parts"]] == [t.name for t in item.targets]
    code = "import sys; from guerdon.claims.base import all_claims; all_claims(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_laboratory_trains_and_reads_exact_numbers(monkeypatch):
    monkeypatch.setattr(base, "_CLAIMS", {})

    def measure(lab):
        trained = lab.world("rare", {"train": {"steps": 3}}, seed=0, base_mass=0.2, keys=2)
        right = questions("rare", seed=0, base_mass=0.2, keys=2)
        assert len(trained.steps) == 3
        assert trained.final("accuracy") == trained.series("accuracy")[-1]
        assert entropy(trained) > 0
        return {"accuracy": [accuracy(trained, right)] * 3}

    made = claim("entropy/t", sentence="T.", baseline="b", targets=(Target("accuracy", 0.1, "it starts at 0.2"),))(
        measure
    )
    assert run(made, seeds=1).verdict == "reproduced"


def test_the_command(toy, capsys, tmp_path):
    toy((2.0, 2.0, 2.0))
    assert main(["claim", "toy", "--json", "--quiet", "--save", str(tmp_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "reproduced"
    assert {"name", "sentence", "baseline", "measured", "interval", "threshold", "seeds"} <= set(data)
    assert json.loads((tmp_path / "toy.json").read_text())["measured"] == 2.0
    assert main(["claim", "--list", "--json"]) == 0
    assert "toy" in [r["name"] for r in json.loads(capsys.readouterr().out)]
    assert main(["claim", "--family", "cookery"]) == 2
    assert main(["claim"]) == 2


def test_a_verdict_worse_than_the_published_one_is_exit_code_1(toy, monkeypatch, capsys):
    toy((0.0, 0.0, 0.0))
    monkeypatch.setattr(base, "published", lambda name: {"verdict": "reproduced"})
    assert main(["claim", "toy", "--quiet"]) == 1
    monkeypatch.setattr(base, "published", lambda name: {"verdict": "not_reproduced"})
    assert main(["claim", "toy", "--quiet"]) == 0
