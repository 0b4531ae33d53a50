"""Names lead to methods: the shipped index, plug-ins of other packages, and code of the user when it is allowed."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from guerdon import registry
from guerdon.errors import MethodError, RecipeError, UnknownNameError
from guerdon.method import STAGES


def python(code: str, *, path: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run code in a new interpreter, because plug-ins and imports stay for the life of one."""
    start = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)], capture_output=True, text=True, timeout=120, cwd=cwd,
        check=False,
    )  # fmt: skip


def test_the_index_is_fresh():
    assert registry.INDEX.read_text("utf-8") == registry.build_index(), "fix: python -m guerdon.registry"


def test_a_stale_index_is_found(monkeypatch, tmp_path, capsys):
    stale = tmp_path / "index.json"
    stale.write_text("[]\n", "utf-8")
    monkeypatch.setattr(registry, "INDEX", stale)
    assert registry.main(["--check"]) == 1
    assert "python -m guerdon.registry" in capsys.readouterr().err
    assert stale.read_text("utf-8") == "[]\n"
    assert registry.main([]) == 0
    assert registry.main(["--check"]) == 0


def test_names_aliases_and_presets_are_unique():
    names = [
        n
        for c in json.loads(registry.build_index())
        for n in (c["name"], *c["aliases"], *(p["name"] for p in c["presets"]))
    ]
    assert len(names) == len(set(names))
    assert all(registry.resolve(n).method.card.stage in STAGES for n in names)


def test_one_stage_leaves_the_others_and_the_plug_ins_unloaded():
    done = python(
        """
        import sys
        from guerdon import registry
        print("importlib.metadata" in sys.modules)
        registry.resolve("grpo")
        print(registry.plugins.cache_info().misses, *[m for m in sys.modules if m.startswith("guerdon.objectives")])
        """
    )
    assert (done.stdout.split(), done.stderr) == (["False", "0"], "")


@pytest.mark.parametrize(
    ("name", "stage", "nearest"),
    [("gropo", None, "grpo"), ("gropo", "advantage", "grpo"), ("Clip", "objective", "clip"), ("", None, None)],
)
def test_an_unknown_name_gets_the_nearest(name, stage, nearest):
    with pytest.raises(UnknownNameError) as caught:
        registry.resolve(name, stage=stage)
    assert (caught.value.nearest or [None])[0] == nearest


def test_a_method_of_another_stage_is_told_where_it_belongs():
    with pytest.raises(RecipeError, match=r"'clip' is a objective|'clip' is an objective") as caught:
        registry.resolve("clip", stage="advantage")
    assert "objective" in caught.value.fix


PLUGIN = '''
from guerdon.method import method

@method(stage="reward", sources={"bonus": "ours"})
def plugged_in(length, *, bonus: float = 2.0):
    """Pays a bonus."""
    return length * 0.0 + bonus
'''


@pytest.fixture
def distribution(tmp_path):
    """An installed package that offers methods."""
    (tmp_path / "guerdon_extra.py").write_text(PLUGIN, "utf-8")
    info = tmp_path / "guerdon_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guerdon-extra\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(
        "[guerdon.methods]\nplugged_in = guerdon_extra\nmisnamed = guerdon_extra\n", "utf-8"
    )
    return tmp_path


def test_a_plug_in_is_a_method_like_any_other(distribution):
    done = python(
        """
        import torch
        from guerdon import build, registry
        print(build("plugged_in", bonus=3.0)({"length": torch.tensor([1, 2])}).tolist())
        print(registry.resolve("plugged_in", stage="reward").method.card.module)
        print("plugged_in" in registry.load_all(), "plugged_in" in registry.build_index())
        """,
        path=distribution,
    )
    # a plug-in is found, and never written into the index of the library
    assert done.stdout.splitlines() == ["[3.0, 3.0]", "guerdon_extra", "True False"], done.stderr


def test_a_plug_in_that_registers_another_name_is_told(distribution):
    done = python("from guerdon import registry; registry.resolve('misnamed')", path=distribution)
    assert "the plug-in 'misnamed' registers no method of that name" in done.stderr
    assert MethodError.__name__ in done.stderr


@pytest.fixture
def user_code(tmp_path):
    (tmp_path / "my_rules.py").write_text(
        PLUGIN.replace("plugged_in", "my_rule") + "\nnumber = 3\n" + "open('loaded', 'w').close()\n", "utf-8"
    )
    (tmp_path / "broken_rules.py").write_text("raise RuntimeError('half written')\n", "utf-8")
    return tmp_path


def test_code_named_by_dotted_path_needs_permission(user_code):
    done = python("from guerdon import registry; registry.resolve('my_rules.my_rule')", cwd=user_code)
    assert "importing code named in a recipe is off" in done.stderr
    assert "--allow-code" in done.stderr
    assert not (user_code / "loaded").exists()


def test_code_named_by_dotted_path_with_permission(user_code):
    done = python(
        """
        from guerdon import registry
        from guerdon.errors import RecipeError
        print(registry.resolve("my_rules:my_rule", allow_code=True).method.card.name)
        print(registry.resolve("my_rules.my_rule", allow_code=True, stage="reward").method.card.name)
        for name in ("my_rules.number", "my_rules.nothing", "broken_rules.rule", "no_such_module.rule", ".", "a..b"):
            try:
                registry.resolve(name, allow_code=True, where="reward.0")
            except RecipeError as error:
                print(error.where, error.what)
        """,
        cwd=user_code,
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["my_rule", "my_rule"], done.stderr
    assert lines[2] == "reward.0 'my_rules.number' is not a method"
    assert "AttributeError" in lines[3]
    assert "half written" in lines[4]
    assert "ModuleNotFoundError" in lines[5]
    assert len(lines) == 8


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "os.system", "grpo/../../x"])
def test_paths_in_names_lead_nowhere(name):
    with pytest.raises((RecipeError, UnknownNameError)):
        registry.resolve(name)
