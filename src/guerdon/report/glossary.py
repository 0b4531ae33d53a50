"""What each number of the report means, in one place."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon.report.load import Run

_METRICS: tuple[tuple[str, str, str], ...] = (
    (
        "eval/accuracy",
        "Held-out accuracy",
        "Share of completions sampled on tasks that were never trained on and judged correct. The only number"
        " here that training did not optimise directly.",
    ),
    (
        "eval/greedy_accuracy",
        "Greedy accuracy",
        "The same with one completion per task at temperature 0.",
    ),
    (
        "eval/pass",
        "pass@k",
        "Chance that at least one of k samples of a task is correct, estimated without bias from n ≥ k "
        "samples: 1 − C(n−c, k) / C(n, k). If before and after meet at large k, training made known answers "
        "likelier and found no new ones.",
    ),
    (
        "accuracy",
        "Training accuracy",
        "Share of the completions sampled for training that were judged correct. Tasks change from step to "
        "step, so it is noisy.",
    ),
    (
        "reward/total/mean",
        "Total reward",
        "Exactly the number that was optimised: all components after weights, gates and shaping.",
    ),
    (
        "reward/",
        "Component",
        "One entry of the recipe's reward list. Its within-group spread is the standard deviation among the "
        "samples of one prompt; at 0 it cannot tell them apart, whatever its mean does. Its r is the "
        "correlation with being correct.",
    ),
    (
        "group/zero_variance",
        "Groups without a signal",
        "Groups in which every sample got the same reward. Their advantage is 0: they cost sampling time and "
        "teach nothing.",
    ),
    (
        "entropy",
        "Entropy",
        "Uncertainty about the next token, averaged over tokens, in nats (natural logarithm).",
    ),
    (
        "kl",
        "KL",
        "How far the policy has moved from its reference, averaged over tokens, in nats.",
    ),
    (
        "length/",
        "Length",
        "Completion length in tokens. A rise without a rise in accuracy is the oldest way to please a scorer.",
    ),
    (
        "truncated/rate",
        "Truncated",
        "Completions that were cut off at the token limit.",
    ),
    (
        "clip/",
        "Clipped",
        "Share of tokens whose probability ratio left the trust band, so that they no longer push the policy.",
    ),
    (
        "grad_norm",
        "Gradient norm",
        "Length of the gradient before clipping.",
    ),
)

_ALWAYS: tuple[tuple[str, str], ...] = (
    (
        "Intervals",
        "All are 95%. Rates: Wilson, on the effective number of samples when several belong to one task. "
        "Means and changes: percentile bootstrap over tasks, or over steps for training numbers, which follow"
        " each other and make that interval too narrow. Changes between different tasks: Newcombe. None of "
        "them covers another training seed.",
    ),
    (
        "Before and after",
        "Held-out numbers: first and last evaluation. Training numbers: first and last tenth of "
        "the steps, three steps at least where there are six.",
    ),
    (
        "Scored, failed, unscored",
        "Scored: a value in range. Failed: the completion is at fault and gets the floor. Unscored: the "
        "scorer is at fault; the value is missing, left out of every mean, and never counted as 0.",
    ),
    (
        "Tokens",
        "Advantage: how hard the update pushed a token up or down. Entropy: how undecided the policy was "
        "there. The darkest shade is the 95th percentile over the samples shown.",
    ),
    (
        "Escapes",
        "Control characters, invisible characters and direction overrides are printed as escapes such as "
        "\\x1b, so that no completion can hide or rearrange text.",
    ),
)


def entries(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Term and meaning, for the numbers that these runs have."""
    known = {k for run in runs for k in (*run.train, *run.evaluations)}
    if any(e.sampled for run in runs for e in run.rollouts.evaluations.values()):
        known.add("eval/pass")
    found = [
        (term, text)
        for key, term, text in _METRICS
        if any(k == key or ((key.endswith("/") or key == "eval/pass") and k.startswith(key)) for k in known)
    ]
    return [*found, *_ALWAYS]
