"""Overlap of n-grams with a reference: BLEU, chrF and ROUGE of single sentences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

from guerdon.errors import MachineError
from guerdon.method import Paper, Policy, Preset, method
from guerdon.ops.answers import same_length
from guerdon.ops.subsequence import f_beta, lcs_length
from guerdon.records import Verdict
from guerdon.rewards.verifiers._rows import Row, alternatives, failed, scored, unscored, verdict

Metric = Literal["bleu", "chrf", "chrf++", "rouge_1", "rouge_2", "rouge_l"]


@method(
    paper=(
        Paper("doi:10.18653/v1/W18-6319", "A Call for Clarity in Reporting BLEU Scores", where="sacrebleu"),
        Paper("doi:10.18653/v1/W15-3049", "chrF: character n-gram F-score for automatic MT evaluation"),
        Paper("acl:W04-1013", "ROUGE: A Package for Automatic Evaluation of Summaries"),
        Paper("arXiv:2509.13081", "Shaping Explanations: Semantic Reward Modeling with Encoder-Only Transformers for "
              "GRPO", "rewards/semantic-encoder", where="ROUGE baseline"),
    ),
    tags=("text overlap",),
    aliases=("bleu_rouge_chrf",),
    default_source="code",
    sources={"metric": "ours", "max_chars": "ours"},
    presets=tuple(
        Preset(name, params={"metric": metric})
        for name, metric in (("bleu", "bleu"), ("chrf", "chrf"), ("rouge_1", "rouge_1"), ("rouge_2", "rouge_2"))
    ),
    policy=Policy(
        several="The parser hands over one; text beyond the reference lowers the precision.",
        empty="Failed with the floor.",
        copied="Paid by its overlap: a prompt that holds the reference's words pays for copying them.",
    ),
)  # fmt: skip
def text_overlap(
    answer: Sequence[str | None],
    gold: Sequence[Any],
    *,
    metric: Metric = "chrf",
    stem: bool = False,
    max_chars: int = 20_000,
) -> Verdict:
    r"""Score an answer by a sentence-level overlap metric with the best gold answer.

    .. math:: s = \max_g m(a, g)

    Args:
        answer: parsed answers, ``""`` or None for none.
        gold: the reference; a list or tuple holds several, of which the best counts.
        metric: ``bleu`` (exponential smoothing, effective order), ``chrf`` (characters up to 6), ``chrf++`` (also words
            up to 2), ``rouge_1``, ``rouge_2`` and ``rouge_l`` (F1).
        stem: whether ROUGE compares Porter stems of English words.
        max_chars: a longer answer is failed.

    Returns:
        The metric in [0, 1], scored. An empty or too long answer failed with 0; an empty gold answer unscored. ROUGE
        reads only ASCII letters and digits: text without any has no overlap, and as a gold answer it is unscored.

    Raises:
        MachineError: sacrebleu or rouge-score is not installed.
        DataError: the columns have different lengths.

    Example:
        >>> v = text_overlap(["the cat sat", "a dog"], ["the cat sat down", ["the dog", "a dog"]], metric="rouge_1")
        >>> [round(s, 4) for s in v.score]
        [0.8571, 1.0]

    Source: sacrebleu 2 and rouge-score, which define the metrics; ROUGE-L is our own longest common subsequence on
        rouge-score's tokens, the same value in a fraction of the time.
    Differs: sacrebleu's BLEU pools the n-grams of all references; here every reference counts alone.
    """
    same_length("text_overlap", answer=answer, gold=gold)
    measure = _measure(metric, stem)
    return verdict(_row(a or "", g, measure, max_chars) for a, g in zip(answer, gold, strict=True))


def _row(answer: str, gold: Any, measure: Callable[[str, str], float | None], max_chars: int) -> Row:
    golds = [g for g in alternatives(gold) if g.strip()]
    if not golds:
        return unscored("no gold answer" if not alternatives(gold) else "gold is empty")
    if not answer.strip():
        return failed("no answer found")
    if len(answer) > max_chars:
        return failed(f"the answer has {len(answer)} characters, more than {max_chars}")
    found = [v for g in golds if (v := measure(answer, g)) is not None]
    if not found:
        return unscored("gold has no words that the metric reads")
    return scored(min(max(found), 1.0))


@functools.lru_cache(maxsize=16)
def _measure(metric: str, stem: bool) -> Callable[[str, str], float | None]:
    try:
        if metric.startswith("rouge"):
            return _rouge(metric, stem)
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise MachineError(
            "a package for overlap metrics is not installed", where=f"text_overlap.metric {metric}", seen=str(error),
            fix="pip install 'guerdon[text]'",
        ) from error  # fmt: skip
    scorer = BLEU(effective_order=True) if metric == "bleu" else CHRF(word_order=2 if metric == "chrf++" else 0)
    return lambda answer, gold: scorer.sentence_score(answer, [gold]).score / 100


def _rouge(metric: str, stem: bool) -> Callable[[str, str], float | None]:
    from rouge_score import rouge_scorer, tokenizers

    tokenizer = tokenizers.DefaultTokenizer(stem)
    scorer = rouge_scorer.RougeScorer([metric.replace("_", "")], tokenizer=tokenizer)

    def measure(answer: str, gold: str) -> float | None:
        wanted = tokenizer.tokenize(gold)
        if not wanted:
            return None
        if metric != "rouge_l":
            return next(iter(scorer.score(gold, answer).values())).fmeasure
        found = tokenizer.tokenize(answer)
        return f_beta(lcs_length(found, wanted), len(found), len(wanted))

    return measure
