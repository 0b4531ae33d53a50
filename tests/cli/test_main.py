from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from guerdon import cli
from guerdon.errors import DataError, Interrupted

HEAVY = ("torch", "transformers", "altair", "pydantic", "cyclopts", "rich", "numpy")


def run(*tokens: str) -> int:
    return cli.main(list(tokens))


@pytest.mark.parametrize("tokens", [[], ["--help"], ["-h"], ["list"], ["list", "--json"], ["list", "--stage=advantage"],
                                    ["list", "signals"], ["show", "grpo"], ["show", "logp", "--json"]])  # fmt: skip
def test_light_commands_import_nothing_heavy(tokens):
    code = textwrap.dedent(f"""
        import sys
        from guerdon.cli import main
        assert main({tokens!r}) == 0
        loaded = [m for m in {HEAVY!r} if m in sys.modules]
        assert not loaded, loaded
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"  {name} " in text
        assert command.text in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_every_option_explained(name, capsys):
    assert run(name, "--help") == 0
    text = capsys.readouterr().out
    assert f"Usage: guerdon {name}" in text
    doc = cli._load(name).__doc__
    for option in cli._load(name).__annotations__:
        assert option == "return" or f"    {option}: " in doc


def test_unknown_command_names_the_nearest(capsys):
    assert run("trian") == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tokens", "near"), [(["list", "--stge", "x"], "--stage"), (["train", "a", "--dry-rum"], "--dry-run")]
)
def test_unknown_option_names_the_nearest(tokens, near, capsys):
    assert run(*tokens) == 2
    error = capsys.readouterr().err
    assert "unknown option" in error
    assert f"'{near}'" in error
    assert "Traceback" not in error


def test_errors_are_text_or_json_and_carry_their_exit_code(capsys):
    assert run("list", "--stage", "advntage") == 2
    assert capsys.readouterr().err.startswith("error: guerdon list --stage: unknown stage 'advntage'")
    assert run("list", "--stage", "advntage", "--json") == 2
    out = capsys.readouterr()
    data = json.loads(out.err)
    assert out.out == ""
    assert data["exit_code"] == 2
    assert data["error"]["type"] == "UnknownNameError"
    assert "advantage" in data["error"]["allowed"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(Interrupted("stopped"), 130), (KeyboardInterrupt(), 130), (DataError("bad"), 2), (ZeroDivisionError("x"), 3),
     (ModuleNotFoundError("no peft", name="peft"), 3)],
)  # fmt: skip
def test_exit_codes(error, code, monkeypatch, capsys):
    def fail(name):
        raise error

    monkeypatch.setattr("guerdon.cli.show.show", fail)
    assert run("show", "grpo") == code
    assert "Traceback" not in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("GUERDON_DEBUG", "1")
    with pytest.raises(LookupError):
        run("show", "nothing_like_this")


def test_list_json_is_an_array_of_cards(capsys):
    assert run("list", "--stage", "advantage", "--json") == 0
    cards = json.loads(capsys.readouterr().out)
    assert "grpo" in {c["name"] for c in cards}
    assert {c["stage"] for c in cards} == {"advantage"}
    assert {"name", "stage", "role", "papers", "tags"} <= cards[0].keys()


def test_search_finds_presets_and_papers(capsys):
    for text in ("dr_grpo", "DeepSeekMath", "2402.03300"):
        run("list", "--search", text, "--json")
        assert "grpo" in {c["name"] for c in json.loads(capsys.readouterr().out)}
    run("list", "--search", "no such text at all")
    assert capsys.readouterr().out == "nothing matches\n"


@pytest.mark.parametrize(
    "tokens", [["list", "--search", "--json"], ["list", "a", "b"], ["show"], ["list", "-x"], ["list", "--json=1"]]
)
def test_the_quick_parser_leaves_what_is_not_plain_to_the_full_one(tokens):
    assert cli._simple(cli._load(tokens[0]), tokens[1:]) is None


def test_both_parsers_agree():
    tokens = ["signals", "--search", "kl", "--json"]
    quick = cli._simple(cli._load("list"), tokens)
    import cyclopts

    app = cyclopts.App(version_flags=())
    app.default(cli._load("list"))
    _, bound, _ = app.parse_args(tokens)
    assert {**bound.arguments} == quick


def test_show_names_the_preset_and_the_signal(capsys):
    run("show", "dr_grpo", "--json")
    data = json.loads(capsys.readouterr().out)
    assert data["name"] == "grpo"
    assert data["preset"]["params"] == {"scale": "none"}
    assert data["doc"]["args"]["eps"] == "added to the std."
    run("show", "old_logp", "--json")
    assert json.loads(capsys.readouterr().out)["moment"] == "rollout"


def test_show_explains_every_hyper_parameter_with_its_source(capsys):
    run("show", "clip")
    text = capsys.readouterr().out
    for part in (
        "ratio_cap",
        "code",
        "gspo",
        "https://arxiv.org/abs/1707.06347",
        "clipped",
        "objective: [{use: clip}]",
    ):
        assert part in text
    assert ":math:" not in text


def test_trust_in_code_is_declared_for_the_whole_command(monkeypatch, capsys):
    monkeypatch.setenv("GUERDON_TRUST_CODE", "0")
    assert run("list", "--i-trust-this-code", "--json") == 0
    assert os.environ["GUERDON_TRUST_CODE"] == "1"
    assert json.loads(capsys.readouterr().out)
