from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from guerdon.engines.native import policy as policies
from guerdon.engines.native.run import train
from guerdon.errors import ModelError
from guerdon.recipe import Policy as PolicyRecipe
from guerdon.recipe import load
from guerdon.records import Task
from guerdon.records.run import RunFolder

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROWS = [
    {
        "messages": [{"role": "system", "content": "Add."}, {"role": "user", "content": f"{a} plus {b}"}],
        "sum": str(a + b),
    }
    for a in range(5) for b in range(5)
]  # fmt: skip


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    """A small model with a byte-pair tokenizer trained here, as one would download it."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    texts = [f"{a} plus {b} is {a + b}. Add. What is {a} plus {b}?" for a in range(10) for b in range(10)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|user|>", "<|system|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)

    def make(family: str) -> Path:
        folder = tmp_path_factory.mktemp(family)
        fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
        fast.chat_template = TEMPLATE
        fast.save_pretrained(folder)
        torch.manual_seed(0)
        if family == "gpt2":
            config = transformers.GPT2Config(
                vocab_size=len(fast), n_embd=32, n_layer=1, n_head=2, n_positions=128, eos_token_id=0, bos_token_id=0
            )  # with its dropout of 0.1, as published
            transformers.GPT2LMHeadModel(config).save_pretrained(folder)
        else:
            config = transformers.LlamaConfig(
                vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                max_position_embeddings=128, eos_token_id=0, bos_token_id=0,
            )  # fmt: skip
            transformers.LlamaForCausalLM(config).save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    return file


def recipe_for(model: Path, rows: Path, **changes):
    data = {
        "task": {"use": "dataset", "path": str(rows), "fields": {"prompt": "messages", "gold": "sum"}},
        "policy": {"use": str(model)}, "rollout": {"prompts": 4, "group": 4, "max_new_tokens": 8},
        "train": {"steps": 3, "threads": 1, "checkpoint_every": 2},
        "eval": {"size": 2, "samples": 2},
    }  # fmt: skip
    return load({**data, **changes})


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_downloaded_model_trains_on_chat_messages(language_model, rows, tmp_path, family):
    model = language_model(family)
    done = train(recipe_for(model, rows, reward=["answer_equal"]), out=tmp_path / "run")
    assert done.summary["steps"] == 3
    run = RunFolder(done.path)
    assert any("no pad token" in e["message"] for e in run.events())
    assert run.problems() == []
    # the policy that was saved is a policy again, with its template
    saved = policies.build(PolicyRecipe(use=str(done.path / "policy")))
    task = Task("x", "flat", messages=tuple(ROWS[7]["messages"]))
    text = saved.tokenizer.decode(saved.encode(task))
    assert text == "<|system|>Add.<|end|><|user|>1 plus 2<|end|><|assistant|>"
    assert saved.end_ids == (0,)
    assert saved.pad_id == 0
    assert not [m for m in saved.model.modules() if isinstance(m, torch.nn.Dropout) and m.p]


def test_a_template_makes_plain_prompts(language_model, rows, tmp_path):
    task = {
        "use": "dataset",
        "path": str(rows),
        "fields": {"gold": "sum"},
        "template": "Q: {{ messages[1].content }} A:",
    }
    changes = {"task": task, "policy": {"use": str(language_model("llama")), "chat": False}, "reward": ["answer_equal"]}
    done = train(recipe_for(Path(), rows, **changes), out=tmp_path / "run")
    prompts = {r.prompt for r in RunFolder(done.path).rollouts()}
    assert all(p.startswith("Q: ") and p.endswith(" A:") for p in prompts)


def edited(model: Path, folder: Path, *, eos: bool, pad: bool, template: bool = True) -> Path:
    """The model with end and pad token taken out, or put in, of every file that names them."""
    shutil.copytree(model, folder)
    for name in ("config.json", "generation_config.json"):
        data = json.loads((folder / name).read_text())
        if not eos:
            data = {k: v for k, v in data.items() if k not in ("eos_token_id", "bos_token_id")}
        data["eos_token_id"] = 0 if eos else None
        data["bos_token_id"] = None
        (folder / name).write_text(json.dumps(data))
    data = json.loads((folder / "tokenizer_config.json").read_text())
    for key, on, token in (("eos_token", eos, "<|end|>"), ("pad_token", pad, "<|user|>")):
        data.pop(key, None)
        if on:
            data[key] = token
    if not template:
        data.pop("chat_template", None)
        (folder / "chat_template.jinja").unlink(missing_ok=True)
    (folder / "tokenizer_config.json").write_text(json.dumps(data))
    return folder


def test_a_tokenizer_without_a_pad_token(language_model, tmp_path):
    policy = policies.build(PolicyRecipe(use=str(edited(language_model("llama"), tmp_path / "m", eos=True, pad=False))))
    assert policy.pad_id == policy.end_ids[0] == 0
    assert policy.notes == ("the tokenizer has no pad token: its end token pads",)


def test_a_tokenizer_without_an_end_token(language_model, rows, tmp_path):
    model = edited(language_model("llama"), tmp_path / "m", eos=False, pad=True, template=False)
    policy = policies.build(PolicyRecipe(use=str(model)))
    assert policy.end_ids == ()
    assert policy.pad_id == 1
    assert "no end token" in policy.notes[0]
    task = {"use": "dataset", "path": str(rows), "fields": {"gold": "sum"}, "template": "{{ messages[1].content }}"}
    done = train(recipe_for(model, rows, task=task, reward=["answer_equal"]), out=tmp_path / "run")
    assert all(r.truncated and r.length == 8 for r in RunFolder(done.path).rollouts())


def test_a_tokenizer_without_pad_and_end_token(language_model, tmp_path):
    model = edited(language_model("llama"), tmp_path / "m", eos=False, pad=False)
    with pytest.raises(ModelError, match="neither a pad nor an end token") as found:
        policies.build(PolicyRecipe(use=str(model)))
    assert found.value.where == str(model)
    assert "tokenizer_config.json" in found.value.fix


def test_a_tokenizer_without_a_chat_template(warm):
    with pytest.raises(ModelError, match="no chat template") as found:
        policies.build(PolicyRecipe(use=str(warm), chat=True))
    assert found.value.fix == "policy.chat: false"


def test_adapters_alone_are_trained(trained, warm, tmp_path, recipe):
    done = trained(policy={"lora": {"rank": 2}}, train={"steps": 3, "lr": 0.05}, rollout={"prompts": 8, "group": 8})
    first, last = (
        load_file(done.path / "checkpoints" / name / "policy.safetensors")
        for name in ("step-00000002", "step-00000003")
    )
    base = load_file(warm / "model.safetensors")
    adapters = {k for k in last if "lora_" in k}
    assert adapters
    assert any(not torch.equal(first[k], last[k]) for k in adapters)
    for k in last.keys() - adapters:
        assert torch.equal(first[k], last[k]), k
        own = k.removeprefix("base_model.model.").replace(".base_layer", "")
        assert own not in base or torch.equal(last[k], base[own])
    # the saved policy is a model like any other: it loads, and decides like the trained one
    saved = policies.build(PolicyRecipe(use=str(done.path / "policy")))
    trained_policy = policies.build(PolicyRecipe(use=str(warm), lora={"rank": 2}))
    trained_policy.model.load_state_dict(last)
    ids = torch.arange(4, 12)[None]
    a, b = (p.core(input_ids=ids).logits for p in (saved, trained_policy))
    assert (a - b).abs().max() < 1e-5
    assert (a - policies.build(PolicyRecipe(use=str(warm))).core(input_ids=ids).logits).abs().max() > 1e-3
    again = train(recipe(policy={"use": str(done.path / "policy")}, train={"steps": 1}), out=tmp_path / "again")
    assert again.summary["greedy_before"] == done.summary["greedy_after"]


def test_bfloat16_arithmetic(trained):
    done = trained(policy={"dtype": "bfloat16"}, train={"steps": 3})
    run = RunFolder(done.path)
    assert run.info()["dtype"] == "bfloat16"
    metrics = [m["metrics"] for m in run.metrics("train")]
    assert all(m["grad_norm"] is not None and m["skipped_updates"] == 0.0 for m in metrics)
    # weights stay float32
    assert {v.dtype for v in load_file(done.path / "policy" / "model.safetensors").values()} == {torch.float32}


def test_the_saved_policy_is_the_policy(trained, warm):
    done = trained(train={"steps": 1})
    last = load_file(done.path / "checkpoints" / "step-00000001" / "policy.safetensors")
    saved = policies.build(PolicyRecipe(use=str(done.path / "policy")))
    assert all(torch.equal(v, last[k]) for k, v in saved.model.state_dict().items())
    assert (
        saved.tokenizer("1+2=")["input_ids"]
        == policies.build(PolicyRecipe(use=str(warm))).tokenizer("1+2=")["input_ids"]
    )
