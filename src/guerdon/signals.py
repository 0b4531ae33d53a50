"""The vocabulary: every named quantity a method may ask for.

A parameter name in a method's signature is one of these base names, one of its prefixed forms, or an
instance of ``probe_logp``. This module imports nothing heavy, so the command line can list and explain
methods without loading torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from guerdon.errors import UnknownNameError

AXES = (
    "batch", "group", "time", "step", "vocab", "hidden", "aspect", "member", "pair",
    "item", "class", "choice", "answer", "agent", "action",
)  # fmt: skip
MOMENTS = ("task", "rollout", "reward", "update", "any")
PREFIXES = {
    "old": "behaviour pass, detached",
    "ref": "reference model, detached",
    "next": "after the decision",
    "target": "slow or frozen copy, detached",
    "teacher": "earlier scorer",
    "variant": "the same row evaluated again in another way",
}


@dataclass(frozen=True)
class Signal:
    """One named quantity: its axes, dtype, the moment it is known, and where it comes from."""

    name: str
    axes: tuple[tuple[str, ...], ...]
    dtype: str
    moment: str
    provider: str
    meaning: str
    grad: bool = False
    values: str = "normal"
    forms: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    base: str = field(default="")

    @property
    def shape(self) -> str:
        """Axes as written in annotations, alternatives joined by ``|``."""
        return " | ".join(" ".join(a) if a else "scalar" for a in self.axes)


_VALUES = {"int": "index", "bool": "bool", "str": "text", "record": "record", "enum": "enum", "generator": "rng"}


def _s(
    name: str, axes: str, dtype: str, moment: str, provider: str, meaning: str, *,
    grad: bool = False, values: str = "", forms: tuple[str, ...] = (), settings: tuple[str, ...] = (),
) -> Signal:  # fmt: skip
    shapes = tuple(tuple(a.split()) for a in axes.split("|"))
    kind = values or _VALUES.get(dtype, "normal")
    return Signal(name, shapes, dtype, moment, provider, meaning, grad, kind, forms, settings, name)


# fmt: off
_ROWS = (
    # trajectories: task and text
    _s("prompt", "batch", "str", "task", "task", "question or first observation as text"),
    _s("task", "batch", "record", "task", "task", "typed task fields (tests, checklist, rubrics, options, goal, ...): see Records"),
    _s("gold", "batch", "str", "task", "task", "reference answer: text, number, box, choice, ids, calls, query"),
    _s("reference_tokens", "batch answer | batch member answer", "int", "task", "tokenizer", "tokens of gold; member = accepted alternatives; -1 padding"),
    _s("group_id", "batch", "int", "task", "task", "samples of one prompt share it; one constant when the group is a whole buffer", values="group"),
    _s("twin_id", "batch", "int", "task", "task", "group_id of the equivalent prompt, -1 none"),
    _s("domain", "batch | pair", "int", "task", "task", "task family, subset, objective, head, class of origin"),
    _s("completion", "batch", "str", "rollout", "engine", "generated text, all turns of the policy"),
    _s("tokens", "batch time", "int", "rollout", "engine", "taken decision as id (token; discrete action)", values="token"),
    _s("mask", "batch time", "bool", "rollout", "engine", "decision is the policy's own and valid", values="mask"),
    _s("turns", "batch", "record", "rollout", "engine", "explicit turns, never recovered from mask runs"),
    _s("tool_calls", "batch", "record", "rollout", "call parser", "every parsed call with arguments, turn, output, ok; counts are derived"),
    _s("token_text", "batch time", "str", "rollout", "tokenizer", "decoded token"),
    _s("length", "batch", "int", "rollout", "derived", "valid decisions (tokens) of the row", values="length"),
    _s("answer", "batch", "str", "rollout", "answer parser", "parsed final answer", forms=("variant",)),
    _s("answer_id", "batch", "int", "reward", "verifier", "class of the answer, comparable in its group and linked groups, -1 none"),
    _s("is_valid", "batch", "bool", "rollout", "parser", "format accepted"),
    _s("think_end", "batch", "int", "rollout", "parser", "index of the first end-of-thinking token = tokens of reasoning, -1 none"),
    _s("sample_index", "batch", "int", "rollout", "engine", "position in the group, survives shuffling and filtering", values="sample_index"),
    _s("source", "batch", "str", "rollout", "engine or reader", "pass, run or model that made the row: base, hot, replay, teacher, demo, trained, control, reference"),
    # trajectories: steps and turns
    _s("step_id", "batch time", "int", "rollout", "segmenter", "finest unit of each decision, -1 outside", values="step_id"),
    _s("step_end", "batch step", "int", "rollout", "segmenter", "index of the last decision of the step", values="step_end"),
    _s("step_mask", "batch step", "bool", "rollout", "segmenter", "step exists", values="mask"),
    _s("turn_of_step", "batch step", "int", "rollout", "segmenter", "turn that holds the step"),
    _s("step_text", "batch step | batch time", "str", "rollout", "segmenter", "text of a step, caption of an environment step"),
    _s("action_outcome", "batch step", "enum", "rollout", "environment", "ok, invalid, wrong_function, failed"),
    # trajectories: environments
    _s("obs", "batch time hidden", "float", "rollout", "environment", "observation", forms=("next",)),
    _s("obs_id", "batch time", "int", "rollout", "environment", "tabular or abstracted state, item reached", forms=("next",)),
    _s("action", "batch time | batch time hidden", "int", "rollout", "environment", "action of the policy, or of a named agent (setting agent)"),
    _s("env_reward", "batch time", "float", "rollout", "environment", "reward of the environment, untouched"),
    _s("env_score", "batch step", "float", "rollout", "environment", "cumulative score after the step"),
    _s("auxiliary_reward", "batch time", "float", "rollout", "environment", "designer's heuristic beside the true reward"),
    _s("env_info", "batch time", "record", "rollout", "environment", "measured, limit, violation, hard_violation per constraint"),
    _s("terminated", "batch time", "bool", "rollout", "environment", "true end of the task after this decision"),
    _s("truncated", "batch time", "bool", "rollout", "environment", "cut by a limit here (token limit, time limit): bootstrap; a row is truncated when any is true"),
    _s("discount", "batch time", "float", "rollout", "block_discount or constant", "factor on everything after this decision; wins over a hyper-parameter of that name", values="unit"),
    _s("episode_id", "batch time", "int", "rollout", "environment", "episode inside a row that repeats a task; the row is the block"),
    _s("visit_count", "batch time", "int", "rollout", "visit_counter, pseudo_count", "visits of this state or key, counting this one", values="count", settings=("scope", "key")),
    # trajectories: rewards
    _s("reward", "batch", "float", "reward", "rewards, shaping", "what the policy is trained on; set rewards use group", forms=("variant",)),
    _s("aspects", "batch aspect | batch step aspect | batch time aspect", "float", "reward", "rewards", "named components, rubric marks, costs, reward streams; names are data"),
    _s("status", "batch | batch aspect | batch step | batch time | batch member", "enum", "reward", "runtime", "scored, failed, unscored, skipped, excluded, with a reason", values="status"),
    _s("token_reward", "batch time", "float", "reward", "process rewards, shaping", "reward per decision"),
    _s("step_reward", "batch step", "float", "reward", "process rewards, shaping", "reward per step"),
    _s("step_score", "batch step | batch time", "float", "reward", "scorers", "raw score of a step or prefix: progress, prefix value, partial sample, share of the stage", grad=True),
    _s("is_correct", "batch", "bool", "reward", "verifier", "verifier accepts", forms=("variant",)),
    _s("pass_rate", "batch", "float", "reward", "derived", "group mean of is_correct over scored rows", values="unit"),
    _s("difficulty", "batch", "int", "reward", "difficulty_bucket", "0 easy, 1 medium, 2 hard", values="class"),
    _s("reference_reward", "batch member", "float", "reward", "preparation pass", "rewards of other answers to the prompt: reference samples, greedy answer", settings=("policy", "decode")),
    _s("metric", "batch | batch time", "float", "any", "recipe binding", "any quantity bound by the recipe, per row or per decision"),
    _s("item_passed", "batch step item", "bool", "reward", "verifier, judge", "test or checklist item holds after the step"),
    _s("item_credit", "batch step item", "float", "reward", "checklist", "credit of an item; NaN = not eligible"),
    _s("cost", "batch", "float", "rollout", "runtime", "money or tokens of outside calls", values="positive"),
    _s("opponent_id", "batch", "int", "reward", "random_opponent", "row index of the partner; own index marks the opponent"),
    _s("preference_matrix", "batch member", "float", "reward", "judge", "probability that the row beats member j of its group (NaN on itself)"),
    _s("member_score", "batch member", "float", "reward", "ensemble, judge votes", "score per member, vote or repeat, normalised"),
    _s("member_std", "batch member", "float", "reward", "gaussian_heads", "predicted spread", values="positive"),
    _s("confidence", "batch | batch time", "float", "reward", "scorer", "how far inside its known region a scorer is", values="unit"),
    _s("judge_text", "batch | batch step", "str", "reward", "judge", "raw reply"),
    _s("judge_label", "batch | batch step | batch member | batch step member", "int", "reward", "judge", "decoded verdict or class, -1 unparsed; member = votes"),
    _s("choice_logp", "batch choice", "float", "reward", "judge probe", "pooled log-prob of each allowed answer; last column = most likely token", grad=True, values="logp", settings=("answers", "order")),
    _s("continuation_success", "batch step member", "bool", "reward", "probe", "continuation sampled from the prefix succeeded"),
    _s("plan_mask", "batch item step", "bool", "reward", "plan hook", "planned subsets of steps to be scored", values="mask"),
    _s("plan_score", "batch item", "float", "reward", "plan hook", "their scores"),
    _s("potential", "batch time", "float", "reward", "progress model, potential source", "progress or value before the decision; never time+1", forms=("next",)),
    _s("hop", "batch time", "float", "reward", "judge", "relative progress from previous, start or goal", settings=("reference",)),
    _s("entropy_windows", "batch aspect", "float", "reward", "entropy_windows", "trigger tokens in high-entropy windows: count, invalid, cost", values="count"),
    # trajectories: update
    _s("logp", "batch time", "float", "update", "vocab_stats, policy", "log-prob of the decision", grad=True, values="logp", forms=("old", "ref")),
    _s("log_ratio", "batch time", "float", "update", "derived", "log importance ratio at token or sequence level", grad=True, settings=("level",)),
    _s("advantage", "batch time", "float", "update", "advantages", "detached"),
    _s("returns", "batch time | batch", "float", "update", "advantages", "target of the critic, episode return"),
    _s("value", "batch time | batch time member | batch time aspect", "float", "update", "critic", "predicted return; member = heads, aspect = streams", grad=True, forms=("old", "next")),
    _s("action_value", "batch time member", "float", "update", "critic", "Q of the taken action", grad=True, forms=("target",)),
    _s("predicted_action", "batch time action | batch time hidden", "float", "update", "policy head", "predicted action or its logits", grad=True),
    _s("action_prob", "batch time action", "float", "rollout", "policy", "whole action distribution", values="simplex"),
    _s("clipped", "batch time", "bool", "update", "clip", "bound of the objective is active"),
    _s("kl", "batch", "float", "update", "derived", "summed log-ratio to the reference", values="positive"),
    _s("sample_weight", "batch | batch time", "float", "update", "selection", "multiplies the loss of a row", values="positive"),
    _s("token_weight", "batch time", "float", "update", "rewards, recipe", "multiplies the loss of a decision (gates)", values="positive"),
    _s("aspect_weight", "aspect", "float", "update", "constraint_weights", "multiplier per reward stream", values="positive"),
    _s("loss", "", "float", "update", "aggregate", "aggregated value of a named objective entry", grad=True),
    # pairs
    _s("chosen_logp", "pair", "float", "update", "vocab_stats", "summed log-prob; NaN = no such loser", grad=True, values="logp", forms=("ref",)),
    _s("rejected_logp", "pair | pair member", "float", "update", "vocab_stats", "summed log-prob; NaN = no such loser", grad=True, values="logp", forms=("ref",)),
    _s("chosen_token_logp", "pair time", "float", "update", "vocab_stats", "per decision; with `ref_`; sums derive from it", grad=True, values="logp", forms=("ref",)),
    _s("rejected_token_logp", "pair time", "float", "update", "vocab_stats", "per decision; with `ref_`; sums derive from it", grad=True, values="logp", forms=("ref",)),
    _s("chosen_mask", "pair time", "bool", "task", "task", "valid decisions", values="mask"),
    _s("rejected_mask", "pair time", "bool", "task", "task", "valid decisions", values="mask"),
    _s("chosen_collision", "pair time", "float", "update", "vocab_stats", "sum of p^2", values="unit"),
    _s("rejected_collision", "pair time", "float", "update", "vocab_stats", "sum of p^2", values="unit"),
    _s("chosen_token_reward", "pair time", "float", "reward", "process rewards", "constant reward per decision"),
    _s("rejected_token_reward", "pair time", "float", "reward", "process rewards", "constant reward per decision"),
    _s("chosen_length", "pair", "int", "task", "derived", "valid decisions", values="count"),
    _s("rejected_length", "pair", "int", "task", "derived", "valid decisions", values="count"),
    _s("chosen_score", "pair", "float", "update", "scorer", "scalar score", grad=True),
    _s("rejected_score", "pair", "float", "update", "scorer", "scalar score", grad=True),
    _s("chosen_member_score", "pair member", "float", "reward", "scorer_ensemble", "score per member", grad=True),
    _s("rejected_member_score", "pair member", "float", "reward", "scorer_ensemble", "score per member", grad=True),
    _s("chosen_member_std", "pair member", "float", "reward", "gaussian_heads", "spread per member", grad=True, values="positive"),
    _s("rejected_member_std", "pair member", "float", "reward", "gaussian_heads", "spread per member", grad=True, values="positive"),
    _s("chosen_aspects", "pair aspect", "float", "reward", "judge, heads", "marks or heads of both sides", grad=True),
    _s("rejected_aspects", "pair aspect", "float", "reward", "judge, heads", "marks or heads of both sides", grad=True),
    _s("chosen_embedding", "pair hidden", "float", "update", "encoder", "trajectory embedding", grad=True),
    _s("rejected_embedding", "pair hidden", "float", "update", "encoder", "trajectory embedding", grad=True),
    _s("chosen_critique_logp", "pair", "float", "update", "scorer", "log-prob of the written critique, NaN if none", grad=True, values="logp"),
    _s("rejected_critique_logp", "pair", "float", "update", "scorer", "log-prob of the written critique, NaN if none", grad=True, values="logp"),
    _s("pair_label", "pair", "float", "task", "data, dynamic_labels", "probability that chosen is better, default 1, tie .5", values="unit", forms=("variant",)),
    _s("pair_margin", "pair", "float", "reward", "scorer", "external score difference, chosen minus rejected"),
    _s("policy_margin", "pair", "float", "update", "objective", "the policy's own implicit margin"),
    _s("pair_weight", "pair", "float", "reward", "data", "multiplies the pair's loss", values="positive"),
    _s("beta_scale", "pair", "float", "reward", "margin_beta", "multiplies beta inside the loss", values="positive"),
    _s("pair_index", "pair", "int", "task", "data", "data-set position, stable under shuffling"),
    _s("pair_mask", "pair", "bool", "task", "pair builder", "pair is valid", values="mask"),
    _s("preference_context", "hidden", "float", "update", "policy module", "learned optimal context", grad=True),
    # unpaired rows
    _s("sequence_logp", "batch", "float", "update", "derived", "summed log-prob of the row", grad=True, values="logp", forms=("ref",)),
    _s("label", "batch | batch step | batch time | batch aspect", "float", "task", "data, label builders", "known truth of a record, step or dimension: desirable, 0/1, class, level"),
    # scorer training
    _s("score", "batch", "float", "update", "scorer", "score while the scorer trains", grad=True, forms=("teacher",)),
    _s("class_logits", "batch class | batch step class | batch time class | batch member class", "float", "reward", "scorer head", "class logits of rows, step ends, stages, pixels", grad=True, forms=("variant",)),
    _s("class_count", "class", "int", "task", "data", "training frequency", values="count"),
    _s("class_weight", "class", "float", "task", "class_weights", "loss weight", values="positive"),
    _s("member_weight", "batch member | member", "float", "reward", "member_engagement, agreement_mixture", "how much each member counts"),
    _s("belief", "batch class | batch member class", "float", "reward", "evidential", "belief mass; uncertainty = 1 - sum", values="simplex"),
    _s("discriminator_logit", "batch time", "float", "update", "discriminator", "log density ratio: expert (or current) over generated (or base)", grad=True),
    _s("input_gradient_norm", "batch time | batch", "float", "update", "input_gradient", "norm of a model's gradient in its input", grad=True, values="positive"),
    _s("predicted_feature", "batch time hidden", "float", "update", "random_network", "predictor output", grad=True),
    _s("target_feature", "batch time hidden", "float", "update", "random_network", "frozen target of predicted_feature"),
    # models' views
    _s("entropy", "batch time", "float", "update", "vocab_stats", "entropy of the current policy", grad=True, values="positive", forms=("old",)),
    _s("collision", "batch time", "float", "update", "vocab_stats", "sum of p^2", grad=True, values="unit"),
    _s("collision_logp", "batch time", "float", "update", "vocab_stats", "sum of p^2 ln p", grad=True, values="negative"),
    _s("nucleus_entropy", "batch time", "float", "update", "vocab_stats", "entropy of the renormalised nucleus", grad=True, values="positive", settings=("top_p", "inclusive", "top_k")),
    _s("tempered_logp", "batch time", "float", "rollout", "vocab_stats", "old policy's log-prob at another temperature", values="logp", settings=("temperature",)),
    _s("ref_kl", "batch time", "float", "update", "vocab_stats x2", "full-vocabulary KL to the reference", grad=True, values="positive", settings=("direction",)),
    _s("taken_logit", "batch time", "float", "reward", "vocab_stats", "raw logit of the decision"),
    _s("log_partition", "batch time", "float", "reward", "vocab_stats", "alpha-scaled logsumexp of the logits", settings=("alpha",)),
    _s("hidden", "batch time hidden | batch hidden", "float", "reward", "hidden_states", "states of a layer; pool=last is one vector per row", grad=True, forms=("ref", "variant"), settings=("layer", "model", "pool", "view", "text")),
    _s("hidden_rank", "batch aspect", "float", "rollout", "hidden_rank", "effective rank, velocity, acceleration", settings=("stride", "window")),
    _s("embedding", "batch hidden | batch time hidden", "float", "reward", "embed", "frozen encoder output; behaviour descriptor", settings=("encoder", "segment", "level")),
    _s("reference_embedding", "batch member hidden | batch answer hidden", "float", "task", "embed", "embeddings of reference, exemplars, goal or archive, own row left out", settings=("encoder", "set")),
    _s("probe_logp", "batch time | batch answer | batch item", "float", "reward", "probe", "log-probs of a target under a named model and context; used through its instances below", grad=True, values="logp", settings=("model", "context", "target")),
    _s("scorer_logp", "batch time", "float", "reward", "probe", "log-prob of the completion under a named scorer (strong, process)", grad=True, values="logp"),
    _s("scorer_ref_logp", "batch time", "float", "reward", "probe", "the same under the scorer's reference (weak)", values="logp"),
    _s("bare_logp", "batch time", "float", "reward", "probe", "policy, question removed, completion", values="logp"),
    _s("better_logp", "batch time", "float", "reward", "probe", "policy, two contrastive prompts, completion", values="logp"),
    _s("worse_logp", "batch time", "float", "reward", "probe", "policy, two contrastive prompts, completion", values="logp"),
    _s("answer_logp", "batch answer", "float", "reward", "probe", "policy, frozen or EMA copy / reference, after the sampled chain, gold", values="logp"),
    _s("ref_answer_logp", "batch answer", "float", "reward", "probe", "policy, frozen or EMA copy / reference, after the sampled chain, gold", values="logp"),
    _s("bare_answer_logp", "batch answer", "float", "reward", "probe", "policy, no chain, gold", values="logp"),
    _s("followup_logp", "batch item", "float", "reward", "probe", "policy, user-turn header, fixed follow-ups", values="logp"),
    _s("mismatched_logp", "batch", "float", "reward", "probe", "policy / reference, neighbour's completion", values="logp"),
    _s("ref_mismatched_logp", "batch", "float", "reward", "probe", "policy / reference, neighbour's completion", values="logp"),
    # run level and controllers
    _s("rng", "", "generator", "any", "runtime", "derived from coordinates; the only source of randomness"),
    _s("temperature", "", "float", "rollout", "recipe, entropy_thermostat", "sampling temperature of a pass", values="positive"),
    _s("kl_coef", " | batch", "float", "update", "recipe, controllers", "KL coefficient", values="unit"),
    _s("entropy_coef", " | batch", "float", "update", "recipe, controllers", "entropy coefficient", values="unit"),
    _s("train_step", "", "int", "any", "runtime", "current optimiser step", values="count"),
    _s("train_progress", "", "float", "any", "runtime", "share of training done, 0 to 1", values="unit"),
    _s("last", "", "float", "update", "runtime", "mean of a metric over the previous update: entropy, kl, reward, raw_reward (before its shaping)", settings=("metric",)),
    _s("history", "time | aspect time", "float", "any", "runtime", "run series of a metric, one entry per step; of several metrics a row each, NaN where one is not known", settings=("metric",)),
    # audit only
    _s("gold_reward", "batch | batch time", "float", "reward", "gold scorer, reader", "trusted value"),
    _s("surface", "batch aspect", "float", "rollout", "text features", "length, list marks, hedges, digits"),
    _s("sampled_step", "batch", "int", "rollout", "reader", "update at which the record was sampled"),
    _s("variant", "batch", "str", "task", "probe task, reader", "kind of probe or re-evaluation (key, padding, swapped evidence)"),
    _s("variant_of", "batch", "int", "task", "reader", "original record, linked or matched item"),
    _s("probability", "batch", "float", "reward", "scorer", "forecast whose outcome is `label`", values="unit"),
)
# fmt: on

_FORM_MOMENT = {"old": "rollout", "ref": "update", "next": "reward", "target": "update", "teacher": "update"}


def _expand() -> dict[str, Signal]:
    table: dict[str, Signal] = {}
    for row in _ROWS:
        table[row.name] = row
        for prefix in row.forms:
            name = f"{prefix}_{row.name}"
            moment = row.moment if row.moment != "update" else _FORM_MOMENT.get(prefix, row.moment)
            meaning = f"{row.meaning}; {PREFIXES[prefix]}"
            grad = row.grad and prefix in ("variant", "next") and row.base not in ("value",)
            table[name] = Signal(
                name, row.axes, row.dtype, moment, row.provider, meaning, grad, row.values, (), row.settings, row.name
            )
    return table


SIGNALS: dict[str, Signal] = _expand()


def signal(name: str) -> Signal:
    """Look a signal up by name, base or prefixed form.

    Raises:
        UnknownNameError: if the vocabulary has no such name; the message names the nearest ones.

    Example:
        >>> signal("old_logp").moment
        'rollout'
        >>> signal("logp").grad, signal("ref_logp").grad
        (True, False)
    """
    try:
        return SIGNALS[name]
    except KeyError:
        raise UnknownNameError("signal", name, SIGNALS) from None


def mask_of(axes: tuple[str, ...]) -> str | None:
    """Name of the mask that axes imply: time has ``mask``, step ``step_mask``, pair ``pair_mask``.

    Example:
        >>> mask_of(("batch", "time")), mask_of(("batch",))
        ('mask', None)
    """
    for axis, name in (("time", "mask"), ("step", "step_mask"), ("pair", "pair_mask")):
        if axis in axes:
            return name
    return None
