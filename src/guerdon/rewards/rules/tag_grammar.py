"""The layout of a completion: which tagged blocks, in which order, with what inside."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.method import Paper, Preset, method
from guerdon.ops.answers import same_length
from guerdon.ops.tag_text import TEXT, Block, cut, follows, names_of, read_order
from guerdon.rewards.rules._bodies import Body, broken_rule, known_rules

_ROUTES = (
    "qwen", "palmyra", "creative", "llama 70b", "llama 51b", "llama 49b", "llama 8b", "mistral", "mixtral", "granite",
    "gemma",
)  # fmt: skip
_GAPS = {"nothing": "", "newline": "\n"}


@method(
    paper=(
        Paper("arXiv:2501.12948", "DeepSeek-R1: Incentivizing Reasoning Capability in LLMs via Reinforcement Learning",
              where="section 2.2.2, format reward"),
        Paper("", "TRL: Transformer Reinforcement Learning", "rewards/verifiers-baseline", where="think format reward"),
        Paper("arXiv:2504.13958", "ToolRL: Reward is All Tool Learning Needs", "agentic/toolrl", where="format reward"),
        Paper("arXiv:2506.09033", "Router-R1: Teaching LLMs Multi-Round Routing and Aggregation via Reinforcement "
              "Learning", "agentic/router-r1", where="format reward"),
        Paper("arXiv:2510.01932", "Veri-R1: Toward Precise and Faithful Claim Verification via Online Reinforcement "
              "Learning", "agentic/veri-r1", where="format reward"),
        Paper("", "SPARK: Stepwise Process-Aware Rewards for Reference-Free Reinforcement Learning", "process/spark",
              where="valid format"),
        Paper("arXiv:2602.03979", "Likelihood-Based Reward Designs for General LLM Reasoning",
              "rewards/likelihood", where="NOVER, tag reward"),
    ),
    tags=("format",),
    aliases=("format_tags",),
    default_source="code",
    sources={"bad": "paper", "good": "paper", "ignore_case": "ours"},
    presets=(
        Preset("tag_grammar/deepseek_r1", params={"rules": {"think": {"min_chars": 1}, "answer": {"min_chars": 1}}}),
        Preset("tag_grammar/trl_think", params={"order": "think text?", "around": "nothing", "stray": True},
               note="starts with <think>, has no second one, and closes it"),
        Preset("tag_grammar/toolrl",
               params={"order": "think tool_call? response?", "between": "newline", "around": "nothing",
                       "like_gold": ("tool_call", "response"), "rules": {"tool_call": {"lines": True}}},
               note="the blocks that the gold turn has"),
        Preset("tag_grammar/router_r1",
               params={"order": "think (think | search | information | text)* answer",
                       "equal": (("search", "information"),), "bad": -1.0, "good": 0.0,
                       "rules": {"think": {"min_chars": 1, "not_one_of": ("...",)},
                                 "search": {"pair": ":", "first": _ROUTES, "without": ("llm-name", "your-query")}}},
               note="give rules.search.first for other models"),
        Preset("tag_grammar/veri_r1",
               params={"order": "(text | plan | think | search | search information text? think)* answer text?",
                       "opaque": ("information",)}),
        Preset("tag_grammar/spark",
               params={"order": "text? answer", "rules": {"answer": {"boxes": 1}, "text": {"boxes": 0}}},
               note="one answer block, one box, nothing after it"),
        Preset("tag_grammar/lenient", params={"between": "any", "stray": True, "ignore_case": True},
               note="think and answer in this order, text anywhere, tags in any case"),
    ),
)  # fmt: skip
def tag_grammar(
    completion: Sequence[str | None],
    gold: Sequence[Any] | None = None,
    *,
    order: str = "think answer",
    rules: Mapping[str, Body] | None = None,
    between: Literal["nothing", "newline", "space", "any"] = "space",
    around: Literal["nothing", "space"] = "space",
    equal: tuple[tuple[str, str], ...] = (),
    like_gold: tuple[str, ...] = (),
    opaque: tuple[str, ...] = (),
    stray: bool = False,
    ignore_case: bool = False,
    bad: float = 0.0,
    good: float = 1.0,
) -> Float[Tensor, " batch"]:
    r"""Pay a completion whose tagged blocks have the declared order and content.

    .. math:: R_i = good \text{ where all rules hold, else } bad

    Args:
        completion: generated text.
        gold: reference text, needed with ``like_gold``; a list holds several accepted ones.
        order: blocks in sequence, such as ``think (search information)* answer``; ``|`` for either, ``?``, ``*``, ``+``
            for how often; ``text`` is text outside of blocks. Every name is a tag; other tags are plain text. A block
            inside a block never fits.
        rules: per block, what its inside must be: ``min_chars``, ``max_chars``, ``not_one_of``, ``without``, ``lines``,
            ``boxes``, ``json``, ``pair``, ``first`` (see the class ``Body``).
        between: what may stand between blocks without being ``text``: ``nothing``, one ``newline``, white ``space``,
            ``any`` text (also before and after).
        around: the same before the first and after the last block.
        equal: pairs of blocks that must be equally many.
        like_gold: blocks that occur if and only if the gold text has them.
        opaque: blocks whose inside may hold anything, such as the output of a tool.
        stray: whether a closing tag that closes nothing is text.
        ignore_case: whether ``< Think >`` is ``<think>``.
        bad, good: what is paid, any two numbers.

    Returns:
        One of the two numbers per row; NaN where ``like_gold`` is asked and the row has no gold text.

    Raises:
        RecipeError: the order cannot be read, or ``like_gold`` without ``gold``.
        UnknownNameError: a block or a condition that does not exist.
        DataError: the columns have different lengths.

    Example:
        >>> texts = ["<think>2+2</think>\n<answer>4</answer>", "<answer>4</answer>", "so 4"]
        >>> tag_grammar(texts).tolist()
        [1.0, 0.0, 0.0]
        >>> tag_grammar(texts, order="think? answer", rules={"answer": {"max_chars": 3}}, bad=-1.0, good=0.0).tolist()
        [0.0, 0.0, -1.0]

    Source: the presets carry the published forms; the default is DeepSeek-R1's layout.
    Differs: the releases use regular expressions, so ToolRL lets think occur twice and TRL cuts at any closing tag;
        Router-R1 reads a llama name without a known size as unknown even where another name occurs.
    """
    names = sorted(names_of(read_order(order)) | set(opaque))
    tags = [n for n in names if n != TEXT]
    for label, used in (("opaque", opaque), ("like_gold", like_gold), ("equal", [n for p in equal for n in p])):
        for name in used:
            if name not in tags:
                raise UnknownNameError("block", name, tags, where=f"tag_grammar.{label}")
    known_rules(rules or {}, [*names, TEXT], "tag_grammar")
    if like_gold and gold is None:
        raise RecipeError("like_gold needs the gold texts", where="tag_grammar.like_gold", seen=like_gold)
    same_length("tag_grammar", completion=completion, gold=gold if gold is not None else completion)
    layout = _Layout(
        order, tags, rules or {}, between, around, equal, like_gold,
        functools.partial(cut, names=tags, opaque=opaque, stray=stray, ignore_case=ignore_case),
    )  # fmt: skip
    value = {True: good, False: bad, None: float("nan")}
    rows = zip(completion, gold if gold is not None else [None] * len(completion), strict=True)
    return torch.tensor([value[layout.fits(c or "", g)] for c, g in rows], dtype=torch.get_default_dtype())


@dataclass(frozen=True)
class _Layout:
    """The grammar of one call; the fields are its parameters."""

    order: str
    tags: Sequence[str]
    rules: Mapping[str, Body]
    between: str
    around: str
    equal: Sequence[tuple[str, str]]
    like_gold: Sequence[str]
    cut: Callable[[str], list[Block] | str]

    def fits(self, text: str, gold: Any) -> bool | None:
        """Whether a text has the layout; None where the gold text is needed and missing."""
        golds = [str(g) for g in (gold if isinstance(gold, (list, tuple)) else [gold]) if g]
        if self.like_gold and not golds:
            return None
        blocks = self.cut(text)
        if isinstance(blocks, str):
            return False
        kept = self._without_gaps(blocks)
        count = Counter(b.name for b in kept)
        return (
            follows([b.name for b in kept], read_order(self.order))
            and all(count[a] == count[b] for a, b in self.equal)
            and not any(broken_rule(b.body, self.rules[b.name]) for b in kept if b.name in self.rules)
            and (not self.like_gold or any(self._like(count, g) for g in golds))
        )

    def _without_gaps(self, blocks: Sequence[Block]) -> list[Block]:
        last = len(blocks) - 1
        return [
            b for i, b in enumerate(blocks)
            if b.name != TEXT or not _free(b.body, self.between if 0 < i < last or self.between == "any" else
                                           self.around)
        ]  # fmt: skip

    def _like(self, count: Mapping[str, int], gold: str) -> bool:
        return all((count[n] > 0) == (f"<{n}>" in gold) for n in self.like_gold)


def _free(gap: str, allowed: str) -> bool:
    """Whether a gap is no text of its own."""
    if allowed == "any" or not gap:
        return allowed != "newline"
    return not gap.strip() if allowed == "space" else gap == _GAPS[allowed]
