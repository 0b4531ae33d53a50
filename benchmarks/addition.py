"""Two-digit addition for any engine: tokenizer, model, prompts, warm start, held-out accuracy.

Nothing here knows an engine. The warm checkpoint is a Hugging Face directory, so every engine loads the same weights.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

SYMBOLS = "0123456789+=;"
END, PAD = 2, 0
NEW_TOKENS = 6
HELD_OUT = 500
LONG = 128  # tokens of a long prompt


@dataclass(frozen=True)
class Row:
    """A prompt and its answer."""

    prompt: str
    answer: str


def preamble(long: bool) -> str:
    """What stands before every question: nothing, or solved sums that fill the prompt to ``LONG`` tokens."""
    if not long:
        return ""
    rng = random.Random(7)
    text = ""
    while len(text) < LONG:
        a, b = rng.randrange(10, 100), rng.randrange(10, 100)
        text += f"{a}+{b}={a + b};"
    return text[-(LONG - 6) :]


def rows(long: bool = False) -> tuple[list[Row], list[Row]]:
    """Training and held-out rows: all pairs of two-digit numbers in one fixed order."""
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    random.Random(0).shuffle(pairs)
    made = [Row(f"{preamble(long)}{a}+{b}=", str(a + b)) for a, b in pairs]
    return made[HELD_OUT:], made[:HELD_OUT]


def tokenizer() -> Any:
    """One id per symbol after pad, begin, end and unknown; pads on the left."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<bos>", "<eos>", "<unk>"]
    ids = {token: i for i, token in enumerate([*special, *SYMBOLS])}
    inner = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    pad, bos, eos, unk = special
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token=pad, bos_token=bos, eos_token=eos, unk_token=unk, padding_side="left"
    )


def model(seed: int) -> Any:
    """A Qwen3-style causal model of about a million parameters."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=4 + len(SYMBOLS), hidden_size=128, intermediate_size=384, num_hidden_layers=5,
        num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=192,
        tie_word_embeddings=True, pad_token_id=PAD, bos_token_id=1, eos_token_id=END,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).float()


def sampled_accuracy(net: Any, tok: Any, held: list[Row], *, seed: int = 0) -> float:
    """Share of held-out rows answered exactly when sampling at temperature 1, by plain generation."""
    training, state = net.training, torch.get_rng_state()
    net.eval()
    torch.manual_seed(seed)
    batch = tok([r.prompt for r in held], return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.no_grad():
        out = net.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=NEW_TOKENS,
            do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=PAD, eos_token_id=END,
        )  # fmt: skip
    texts = tok.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    torch.set_rng_state(state)
    net.train(training)
    return sum(text == row.answer for text, row in zip(texts, held, strict=True)) / len(held)


def _supervised(net: Any, tok: Any, train: list[Row], held: list[Row], *, rng, batch: int, target: float, limit: int):
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    accuracy, step = 0.0, 0
    net.train()
    for step in range(1, limit + 1):
        chosen = rng.sample(train, batch)
        asked = [tok(r.prompt, add_special_tokens=False)["input_ids"] for r in chosen]
        told = [[*tok(r.answer, add_special_tokens=False)["input_ids"], END] for r in chosen]
        width = max(len(a) + len(b) for a, b in zip(asked, told, strict=True))
        ids = torch.full((batch, width), PAD)
        labels = torch.full((batch, width), -100)
        for i, (a, b) in enumerate(zip(asked, told, strict=True)):
            ids[i, : len(a) + len(b)] = torch.tensor([*a, *b])
            labels[i, len(a) : len(a) + len(b)] = torch.tensor(b)
        loss = net(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            accuracy = sampled_accuracy(net, tok, held)
            if accuracy >= target:
                break
    return step, accuracy


def warm_start(folder: Path, *, seed: int, small: bool = False) -> dict[str, Any]:
    """Train on demonstrations until a quarter of the held-out sums is sampled right; made once and kept."""
    note = folder / "warm.json"
    if note.exists():
        return json.loads(note.read_text())
    torch.manual_seed(seed)
    start, rng = time.time(), random.Random(seed)
    net, tok = model(seed), tokenizer()
    limit = 40 if small else 1500
    steps, accuracy = _supervised(net, tok, *rows(), rng=rng, batch=256, target=0.25, limit=limit)
    folder.mkdir(parents=True, exist_ok=True)
    net.save_pretrained(folder)
    tok.save_pretrained(folder)
    info = {"steps": steps, "sampled_accuracy": accuracy, "seconds": time.time() - start}
    note.write_text(json.dumps(info))
    return info


def is_even(text: str) -> float:
    """1 for a completion that ends in an even digit: about half of what a policy without skill writes."""
    return float(text[-1:] in tuple("02468"))


def write_jsonl(path: Path, made: list[Row]) -> None:
    """Rows as one JSON object per line, with ``prompt`` and ``answer``."""
    text = "".join(json.dumps({"prompt": r.prompt, "answer": r.answer}) + "\n" for r in made)
    path.write_text(text, "utf-8")
