"""Building or loading the policy: a causal language model, its tokenizer, and how prompts become tokens."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from guerdon.errors import DataError, MachineError, ModelError
from guerdon.recipe import Lora
from guerdon.recipe import Policy as PolicyRecipe
from guerdon.records import Task

PRINTABLE = "".join(map(chr, range(32, 127))) + "\n"


@dataclass
class Policy:
    """A model ready to sample and train.

    ``fused`` says that the output head is a plain matrix (plus bias), so that statistics over the vocabulary can be
    computed from hidden states; ``packable`` that the model takes a full attention mask, so prompts can be shared.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    pad_id: int
    end_ids: tuple[int, ...]
    window: int
    fused: bool
    packable: bool
    chat: bool
    notes: tuple[str, ...] = ()

    @property
    def core(self) -> Any:
        """The causal model without adapters' wrapper."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def body(self) -> nn.Module:
        """The model without its output head."""
        return self.core.base_model

    @property
    def head(self) -> nn.Module:
        """The output head."""
        return self.core.get_output_embeddings()

    def arithmetic(self) -> contextlib.AbstractContextManager:
        """Context of every forward pass: bfloat16 arithmetic when the recipe says so."""
        if self.dtype in (torch.float32, torch.float64):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def size(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.model.parameters())

    def trainable(self) -> list[nn.Parameter]:
        """Parameters that train."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def encode(self, task: Task) -> list[int]:
        """Token ids of a task's prompt, through the chat template when the policy has one.

        Raises:
            DataError: the prompt is empty or longer than the model's window.
        """
        if self.chat:
            messages = [dict(m) for m in task.messages] or [{"role": "user", "content": task.prompt}]
            ids = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        else:
            ids = self.tokenizer(task.prompt, add_special_tokens=False)["input_ids"]
        if not ids:
            raise DataError("the prompt is empty", where=f"task {task.id}", fix="remove the row or add a template")
        if len(ids) >= self.window:
            raise DataError(
                "the prompt is longer than the model's window", where=f"task {task.id}", seen=f"{len(ids)} tokens",
                allowed=f"fewer than {self.window}", fix="shorten the prompts, or use a model with a larger window",
            )  # fmt: skip
        return list(ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of a completion without special tokens."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def token_text(self, tokens: Sequence[int]) -> list[str]:
        """Text of each token on its own, special tokens shown by name."""
        return self.tokenizer.batch_decode([[t] for t in tokens], skip_special_tokens=False)

    def frozen_copy(self) -> Policy:
        """A copy that never trains: the reference."""
        model = copy.deepcopy(self.model).eval().requires_grad_(False)
        return type(self)(**{**self.__dict__, "model": model})

    def save(self, folder: Path) -> None:
        """Write the model and tokenizer as a Hugging Face directory."""
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)


def build(recipe: PolicyRecipe, *, characters: str = "", seed: int = 0) -> Policy:
    """The policy of a recipe: ``tiny`` is made here, anything else is a path or hub name.

    Raises:
        ModelError: the path does not exist, is no causal model, or its tokenizer cannot end a text.
        MachineError: a device or package is missing.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = _device(recipe.device)
    dtype = _dtype(recipe.dtype, device)
    if recipe.use == "tiny":
        model, tokenizer = _tiny(recipe, characters or PRINTABLE, seed)
    else:
        # trained weights stay float32 and only the arithmetic is bfloat16; frozen ones may be stored in it
        model, tokenizer = _load(recipe, dtype if recipe.lora else torch.float32)
    model = model.to(device)
    if recipe.lora is not None:
        model = _lora(model, recipe.lora)
    return _ready(model, tokenizer, recipe, device, dtype)


def _ready(model: Any, tokenizer: Any, recipe: PolicyRecipe, device: torch.device, dtype: torch.dtype) -> Policy:
    notes = []
    config = model.config
    ends = _end_ids(model, tokenizer)
    pad = tokenizer.pad_token_id
    if pad is None and ends:
        pad = ends[0]
        notes.append("the tokenizer has no pad token: its end token pads")
    if pad is None:
        raise ModelError(
            "the tokenizer has neither a pad nor an end token", where=recipe.use,
            fix="set pad_token and eos_token in its tokenizer_config.json",
        )  # fmt: skip
    if not ends:
        notes.append("the tokenizer has no end token: completions stop at a stop string or at max_new_tokens")
    chat = bool(tokenizer.chat_template) if recipe.chat is None else recipe.chat
    if chat and not tokenizer.chat_template:
        raise ModelError("the tokenizer has no chat template", where="policy.chat", fix="policy.chat: false")
    window = int(getattr(config, "max_position_embeddings", None) or 1_000_000)
    policy = Policy(model, tokenizer, device, dtype, pad, ends, window, False, False, chat, tuple(notes))
    policy.model.eval()
    policy.fused, policy.packable = _self_check(policy)
    return policy


def _end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    found: list[int] = []
    for value in (tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)):
        found += value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(found))


@torch.no_grad()
def _self_check(policy: Policy) -> tuple[bool, bool]:
    """Try on a few tokens whether head and mask behave as the fast paths assume."""
    vocab = policy.core.get_input_embeddings().weight.shape[0]
    ids = (torch.arange(6, device=policy.device)[None] * 7 + 1) % vocab
    every = torch.ones_like(ids)
    plain = policy.core(input_ids=ids, attention_mask=every).logits
    scale = plain.abs().max().clamp_min(1.0)
    slack = 1e-3 if policy.dtype == torch.float32 else 3e-2
    head = policy.head
    fused = isinstance(head, nn.Linear)
    if fused:
        hidden = policy.body(input_ids=ids, attention_mask=every).last_hidden_state
        fused = bool(((head(hidden) - plain).abs().max() / scale) < slack)
    kinds = set(getattr(policy.core.config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return fused, False
    try:
        # the six tokens as two branches of a common prefix: [0 1 2 | 3] and [0 1 2 | 4], packed into one row
        packed = torch.stack([ids[0, [0, 1, 2, 3, 4]]])
        seen = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 0, 1]])
        mask = torch.zeros(1, 1, 5, 5, dtype=policy.dtype, device=policy.device)
        mask = mask.masked_fill(seen.to(policy.device)[None, None] == 0, torch.finfo(policy.dtype).min)
        places = torch.tensor([[0, 1, 2, 3, 3]], device=policy.device)
        got = policy.core(input_ids=packed, attention_mask=mask, position_ids=places, use_cache=False).logits
        want = policy.core(input_ids=ids[:, [0, 1, 2, 4]], attention_mask=every[:, :4]).logits[:, 3]
        same = ((got[:, 3] - plain[:, 3]).abs().max() / scale < slack) & (
            (got[:, 4] - want).abs().max() / scale < slack
        )
        return fused, bool(same)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return fused, False  # the model refuses a full mask: prompts are then not shared, nothing is lost


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise MachineError("no CUDA device here", where="policy.device", fix="policy.device: auto")
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _tiny(recipe: PolicyRecipe, characters: str, seed: int) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    tokenizer = character_tokenizer(characters)
    if recipe.hidden % (2 * recipe.heads):
        raise ModelError(
            "hidden must be an even multiple of heads", where="policy.hidden", seen=recipe.hidden,
            fix=f"for example {recipe.heads * 32}",
        )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(_config(recipe, len(tokenizer)))
    return model.float(), tokenizer


def _config(recipe: PolicyRecipe, vocab: int) -> Any:
    import transformers

    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    common = {"vocab_size": vocab, "tie_word_embeddings": True, **ends}
    if recipe.family == "gpt2":
        return transformers.GPT2Config(
            **common, n_embd=recipe.hidden, n_layer=recipe.layers, n_head=recipe.heads, n_positions=recipe.window,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )  # fmt: skip
    make = transformers.Qwen3Config if recipe.family == "qwen3" else transformers.LlamaConfig
    return make(
        **common, hidden_size=recipe.hidden, intermediate_size=3 * recipe.hidden, num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads, num_key_value_heads=max(recipe.heads // 2, 1),
        head_dim=recipe.hidden // recipe.heads, max_position_embeddings=recipe.window,
    )  # fmt: skip


def character_tokenizer(characters: str) -> Any:
    """A tokenizer with one id per character, after pad, begin, end and unknown.

    Example:
        >>> character_tokenizer("ab")("ba")["input_ids"]
        [5, 4]
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
    for char in sorted(set(characters)):
        vocabulary[char] = len(vocabulary)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>",
        padding_side="left", clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _load(recipe: PolicyRecipe, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = Path(recipe.use)
    looks_local = path.exists() or recipe.use.startswith((".", "/", "~")) or len(path.parts) != 2
    path = path.expanduser()
    adapters = looks_local and (path / "adapter_config.json").is_file()
    if looks_local and not adapters and not (path / "config.json").is_file():
        near = [p.name for p in path.parent.iterdir() if (p / "config.json").is_file()] if path.parent.is_dir() else []
        raise ModelError(
            "no model here: a Hugging Face model directory holds a config.json", where=str(path),
            allowed=["tiny", *near[:5]], fix="policy.use: tiny, a model directory, or a hub name such as owner/model",
        )  # fmt: skip
    if adapters:
        _peft()
    options: Mapping[str, Any] = {} if recipe.attention == "auto" else {"attn_implementation": recipe.attention}
    try:
        tokenizer = AutoTokenizer.from_pretrained(path if looks_local else recipe.use)
        load = _folded if adapters else AutoModelForCausalLM.from_pretrained
        model = load(path if looks_local else recipe.use, dtype=dtype, **options)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ModelError(
            f"cannot load the model: {reason}", where=recipe.use,
            fix="check the directory; without network only local directories work; custom code is not run",
        ) from error  # fmt: skip
    for module in model.modules():  # dropout would make sampled and trained log-probs differ
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model, tokenizer


def _folded(path: Path, **options: Any) -> Any:
    """The base model of trained adapters with the adapters folded in: what a run with LoRA saves can start another."""
    from transformers import AutoModelForCausalLM

    peft = _peft()
    base = peft.PeftConfig.from_pretrained(path).base_model_name_or_path
    model = AutoModelForCausalLM.from_pretrained(base, **options)
    return peft.PeftModel.from_pretrained(model, path).merge_and_unload().requires_grad_(True)


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise MachineError(
            "LoRA needs the package peft", where="policy.lora", fix="pip install 'guerdon[peft]'"
        ) from error
    return peft


def _lora(model: Any, lora: Lora) -> Any:
    peft = _peft()
    modules = lora.modules if isinstance(lora.modules, str) else list(lora.modules)
    return peft.get_peft_model(
        model, peft.LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=modules,
                          task_type="CAUSAL_LM"),
    )  # fmt: skip


def pad(rows: Sequence[Sequence[int]], fill: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows of ids as one tensor and their lengths.

    Example:
        >>> pad([[1, 2], [3]], 0)[0].tolist()
        [[1, 2], [3, 0]]
    """
    width = max((len(r) for r in rows), default=0)
    gaps = [[fill] * (width - len(r)) for r in rows]
    data = [[*g, *r] if left else [*r, *g] for r, g in zip(rows, gaps, strict=True)]
    return torch.tensor(data, dtype=torch.long).reshape(len(rows), width), torch.tensor([len(r) for r in rows])
