"""TRL: the shape its trainers call, the numbers of the reward itself, None for what could not be scored."""

from __future__ import annotations

import inspect

import pytest

import guerdon
from guerdon.adapters import trl
from guerdon.errors import RecipeError, UnknownNameError
from guerdon.rewards.verifiers.numeric_close import numeric_close

TEXTS = ["it is 4", "it is 4.1", "no", "5", "6"]
GOLDS = ["4", "4", "4", "?", None]
ASK = "numeric_close:extract=last_number"


def chat(text):
    return [{"role": "assistant", "content": text}]


def test_plain_and_conversational_completions_give_the_numbers_of_the_reward():
    direct = numeric_close(["4", "4.1", "", "5", "6"], GOLDS)
    expected = [None if s != s else s for s in direct.score]
    f = trl(ASK, gold="answer")
    more = {"trainer_state": object(), "log_extra": lambda *a: None, "source": ["x"] * 5, "completion_ids": [[1]] * 5}
    assert f(prompts=["p"] * 5, completions=TEXTS, answer=GOLDS, **more) == expected == [1.0, 1.0, 0.0, None, None]
    prompts = [[{"role": "user", "content": "2+2?"}]] * 5
    assert f(prompts=prompts, completions=[chat(t) for t in TEXTS], answer=GOLDS) == expected
    assert f.__name__ == "numeric_close"
    assert not inspect.iscoroutinefunction(f)


def test_only_what_the_assistant_said_is_judged():
    turns = [*chat("2"), {"role": "tool", "content": "5"}, *chat("so 4")]
    assert trl(ASK)(completions=[turns], gold=["4"]) == [1.0]
    assert trl(ASK)(completions=[turns], gold=["5"]) == [0.0]


def test_lengths_are_the_trainers_tokens():
    f = trl(["answer_equal", "length_penalty:threshold=2,slope=0.5,name=short"])
    found = f(completions=["a", "a"], completion_ids=[[1, 2], [1, 2, 3, 4]], gold=["a", "b"])
    assert found == [1.0, -1.0]
    assert f.__name__ == "answer_equal+short"


def test_what_is_not_scored_and_the_single_rewards_are_logged():
    seen = {}
    f = trl([ASK, "length_penalty:length=@words,threshold=2,slope=1"])
    f(completions=TEXTS, gold=GOLDS, log_metric=lambda name, value: seen.update({name: value}))
    name = "numeric_close+length_penalty"
    assert seen == {
        f"{name}/failed": 0.2, f"{name}/unscored": 0.4, f"{name}/numeric_close": pytest.approx(2 / 3),
        f"{name}/length_penalty": pytest.approx(-2 / 5),
    }  # fmt: skip


def test_wrong_names_stop_the_training_and_are_never_zeros():
    with pytest.raises(UnknownNameError):
        trl("numeric_clos")
    with pytest.raises(RecipeError, match="needs 'gold'"):
        trl(ASK)(completions=TEXTS, answer=GOLDS)
    with pytest.raises(UnknownNameError, match="anser"):
        trl(ASK, gold="anser")(completions=TEXTS, answer=GOLDS)


def test_what_reward_made_goes_in_as_well():
    made = guerdon.reward(ASK, columns={"gold": "answer"})
    assert trl(made)(completions=TEXTS, answer=GOLDS) == trl(ASK, gold="answer")(completions=TEXTS, answer=GOLDS)


@pytest.mark.slow
def test_the_trainer_takes_it(tmp_path):
    pytest.importorskip("trl")
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    words = {w: i for i, w in enumerate(["<pad>", "<eos>", *"0123456789+="])}
    raw = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tok = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>", padding_side="left")
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape = Qwen3Config(vocab_size=len(words), head_dim=8, num_key_value_heads=1, **size)
    data = Dataset.from_list([{"prompt": f"{i}+{i}=", "answer": str(2 * i) if i else None} for i in range(4)])
    called = []
    reward = trl("answer_equal:normalise=number,extract=last_number", gold="answer")

    def watched(**given):
        called.append((given["completions"], given["answer"], reward(**given)))
        return called[-1][2]

    watched.__name__ = reward.__name__
    config = GRPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=8, num_generations=2, max_completion_length=4,
        max_steps=1, report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no",
        logging_steps=1, dataloader_pin_memory=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = GRPOTrainer(model=Qwen3ForCausalLM(shape), reward_funcs=[watched], args=config, processing_class=tok,
                          train_dataset=data)  # fmt: skip
    torch.manual_seed(0)
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["answer_equal/unscored"] == pytest.approx(sum(g is None for g in called[0][1]) / 8)
    assert "rewards/answer_equal/mean" in logged
    texts, golds, scores = called[0]
    assert [s is None for s in scores] == [g is None for g in golds]
    assert guerdon.score(texts, "answer_equal:normalise=number,extract=last_number", gold=golds).score == pytest.approx(
        [float("nan") if s is None else s for s in scores], nan_ok=True
    )
