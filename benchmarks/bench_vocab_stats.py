"""Log-prob and entropy of 4096 tokens over a large vocabulary, forward and backward, time and peak memory.

The loss is ``sum(g * logp) + 0.01 * sum(entropy)`` with gradients to hidden states and output matrix; every case
reports loss and gradient norms, which must agree. ``products`` are the four matrix products alone that an exact
gradient costs when the logits are not kept: nothing that recomputes them can be faster.
"""

from __future__ import annotations

import statistics
from typing import Any

from common import Options, Outcome, fresh, interleaved, note, watched

METHODS = ("ours", "trl", "naive", "products")
FLOOR = "products"


def problem(method: str, tokens: int, hidden: int, vocab: int) -> tuple[Any, Any, Any]:
    """The closure to time, and the two leaves."""
    import torch

    torch.manual_seed(0)
    h = torch.randn(tokens, hidden, requires_grad=True)
    w = (torch.randn(vocab, hidden) / hidden**0.5).requires_grad_()
    y, g = torch.randint(vocab, (tokens,)), torch.randn(tokens)

    def ours() -> tuple[Any, Any]:
        from guerdon.ops.kernels import vocab_stats

        out = vocab_stats(h, w, y, want=("logp", "entropy"))
        return out["logp"], out["entropy"]

    def trl() -> tuple[Any, Any]:
        # the function and the tile width that TRL 1.16 gives it inside its GRPO trainer
        from trl.kernels.chunked_logprob import ChunkedLogProbFunction

        found = ChunkedLogProbFunction.apply(h, w, None, y, 1.0, 32768, None, 1.0, ("log_probs", "entropy"))
        return found[0], found[1]

    def naive() -> tuple[Any, Any]:
        logp = torch.log_softmax(h @ w.t(), -1)
        return logp.gather(1, y[:, None])[:, 0], -(logp.exp() * logp).sum(-1)

    if method == FLOOR:
        return lambda: products(h, w), h, w
    stats = {"ours": ours, "trl": trl, "naive": naive}[method]

    def step() -> float:
        logp, entropy = stats()
        loss = (g * logp).sum() + 0.01 * entropy.sum()
        loss.backward()
        return loss.item()

    return step, h, w


def products(h: Any, w: Any, rows: int = 512, columns: int = 4096) -> float:
    """Logits forward, logits again, and both gradients, tile by tile; what is in the logits does not matter."""
    import torch

    states, matrix = h.detach(), w.detach()
    to_h, to_w = torch.zeros_like(states), torch.zeros_like(matrix)
    for backward in (False, True):
        for c in range(0, len(matrix), columns):
            part = matrix[c : c + columns]
            tile = torch.empty(rows, len(part))
            for r in range(0, len(states), rows):
                here = states[r : r + rows]
                logits = torch.mm(here, part.t(), out=tile[: len(here)])
                if backward:
                    to_h[r : r + rows].addmm_(logits, part)
                    to_w[c : c + columns].addmm_(logits.t(), here)
    h.grad, w.grad = to_h, to_w
    return 0.0


def child(job: dict[str, Any]) -> dict[str, float]:
    """One case: a small problem warms imports and threads, then the real one is timed once."""
    import torch

    torch.set_num_threads(job["threads"])
    problem(job["method"], 64, 128, 30_000)[0]()
    step, h, w = problem(job["method"], job["tokens"], job["hidden"], job["vocab"])
    loss, seconds, busy, mib = watched(step)
    return {
        "seconds": seconds,
        "cpu": busy,
        "mib": mib,
        "loss": loss,
        "h": h.grad.norm().item(),
        "w": w.grad.norm().item(),
    }


def run(name: str, options: Options) -> Outcome:
    """Every method at every vocabulary, interleaved; the ratio is TRL's time over ours at the first one."""
    tokens = 512 if options.small else 4096
    runs = options.runs or (1 if options.small else 3)
    detail: dict[str, Any] = {"tokens": tokens, "hidden": 512}
    for vocab in (32_000,) if options.small else (32_000, 151_936):
        base = {"tokens": tokens, "hidden": 512, "vocab": vocab, "threads": options.threads}
        cases = {
            m: lambda m=m, base=base: fresh("bench_vocab_stats", {**base, "method": m}, threads=options.threads)
            for m in METHODS
        }
        found = interleaved(cases, runs)
        check(found)
        rows = {m: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for m, rs in found.items()}
        for m in METHODS:
            # the ratio of each round is taken inside the round, then the median over rounds
            for key in ("seconds", "cpu", "mib"):
                rows[m][f"{key}_ratio"] = statistics.median(
                    a[key] / b[key] for a, b in zip(found[m], found["ours"], strict=True)
                )
            r = rows[m]
            note(f"V {vocab:>7} {m:>6}: {r['seconds']:7.2f} s ({r['seconds_ratio']:.2f}x)  +{r['mib']:7.0f} MiB "
                 f"({r['mib_ratio']:.1f}x)  loss {r['loss']:.5f}")  # fmt: skip
        detail[str(vocab)] = rows
    first = detail["32000"]
    return Outcome(
        first["trl"]["seconds_ratio"], first["ours"]["seconds"], runs, "s", "TRL's fused head, V 32000", detail
    )


def check(found: dict[str, list[dict[str, float]]]) -> None:
    """Methods that do not compute the same thing are not compared."""
    for key in ("loss", "h", "w"):
        values = [r[key] for method, rs in found.items() if method != FLOOR for r in rs]
        if max(values) - min(values) > 1e-4 * max(1.0, abs(values[0])):
            raise RuntimeError(f"the methods disagree on {key}: {values}")
