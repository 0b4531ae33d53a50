"""Recipes: one small YAML file (or the same models in Python) that names components and how a run goes.

``load`` reads a file, a shipped name or a mapping, applies ``key=value`` overrides and remembers where every value
came from. Components are checked against their signatures when the pipeline is built.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.recipe_file import Source, apply_override, dump_yaml, read_yaml
from guerdon.schedule import Schedule, Start, first_problem, place_of

FOLDER = Path(__file__).with_name("recipes")
_META = ("use", "preset", "name", "weight", "when", "bind", "aggregate", "rows", "on", "advantage", "start")


def _file_name(value: str) -> str:
    # the run folder is named after it
    if value.startswith(".") or len(value) > 100 or any(c in "/\\" or not c.isprintable() for c in value):
        raise ValueError("a name is at most 100 printable characters, without slashes, and no dot in front")
    return value


Positive = Annotated[int, Field(gt=0)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")


def _entry(value: Any) -> Any:
    if isinstance(value, str):
        return {"use": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("params", {}), Mapping):
        return value
    params = {k: v for k, v in value.items() if k not in _META and k != "params"}
    meta = {k: v for k, v in value.items() if k in _META}
    return {**meta, "params": {**value.get("params", {}), **params}}


class Entry(_Model):
    """One component of a recipe: ``use`` names it, the other keys are its hyper-parameters.

    Shared keys: ``name`` (label in logs), ``bind`` (settings or sources of its inputs), ``preset``. Rewards also take
    ``weight`` and ``when``; objectives ``weight``, ``aggregate``, ``rows`` (only these ``source`` values), ``on``
    (labels of the losses a weight or mask acts on) and ``advantage`` (a chain of its own instead of the recipe's).
    Objectives and advantages that transform another one may have a ``start``: until then they are as if not there.
    """

    use: str
    preset: str | None = None
    name: str | None = None
    weight: float | Schedule = 1.0
    when: Mapping[str, Any] | None = None
    bind: Mapping[str, str | Mapping[str, Any]] = Field(default_factory=dict)
    aggregate: str | None = None
    rows: tuple[str, ...] | None = None
    on: tuple[str, ...] | None = None
    advantage: Annotated[tuple[Entry, ...] | None, BeforeValidator(lambda v: v if v is None else _entries(v))] = None
    start: Start | None = None
    params: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The name to resolve, with the preset joined."""
        return f"{self.use}/{self.preset}" if self.preset else self.use


def _entries(value: Any) -> Any:
    items = [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
    return [_entry(v) for v in items]


One = Annotated[Entry, BeforeValidator(_entry)]
Many = Annotated[tuple[Entry, ...], BeforeValidator(_entries)]


class Lora(_Model):
    """Low-rank adapters: rank, scale, dropout and the modules they sit on (``all-linear`` for every linear)."""

    rank: Positive = 16
    alpha: float = 32.0
    dropout: Unit = 0.0
    modules: str | tuple[str, ...] = "all-linear"


class Policy(_Model):
    """The language model: ``tiny`` (built here, no download) or any Hugging Face causal model path.

    ``table`` is no model but a table of probabilities, for tasks whose base distribution is known.

    ``tiny`` takes ``family``, ``hidden``, ``layers``, ``heads``; a path takes ``lora``, ``dtype``, ``chat``.
    ``trust_remote_code`` does not exist: models that need it are refused.
    """

    use: str = "tiny"
    family: Literal["qwen3", "llama", "gpt2"] = "qwen3"
    hidden: Positive = 128
    layers: Positive = 4
    heads: Positive = 4
    window: Positive = 512
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    lora: Lora | None = None
    chat: bool | None = None
    attention: Literal["auto", "sdpa", "eager"] = "auto"


class WarmStart(_Model):
    """Supervised start on the task's demonstrations until sampled accuracy lies in ``target``."""

    target: tuple[Unit, Unit] = (0.25, 0.45)
    batch: Positive = 128
    lr: float = 1e-3
    max_steps: Positive = 3000
    check_every: Positive = 10
    check_size: Positive = 200


Heat = Annotated[float, Field(gt=0)] | Schedule | Literal["controlled"]


class Pass(_Model):
    """Another look at the first prompts of a batch: their ``share``, the temperature, and the ``source`` of its rows.

    ``controlled`` is the temperature that a controller of the recipe writes.
    """

    source: str
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    temperature: Heat = "controlled"


def _one_source_each(passes: tuple[Pass, ...]) -> tuple[Pass, ...]:
    names = ["base", *(p.source for p in passes)]
    if len(set(names)) < len(names):
        raise ValueError("every pass has a source of its own, and base is the first pass")
    return passes


class Rollout(_Model):
    """How completions are sampled: a base pass, and ``passes`` after it.

    Written as a list, the first entry is the base pass and the others are further passes.
    """

    prompts: Positive = 32
    group: Positive = 8
    max_new_tokens: Positive | None = None
    temperature: Heat = 1.0
    passes: Annotated[tuple[Pass, ...], AfterValidator(_one_source_each)] = ()
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    min_p: Unit = 0.0
    stop: tuple[str, ...] = ()


def _passes(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not value or not isinstance(value[0], Mapping):
        return value
    return {**value[0], "passes": list(value[1:])}


class Aggregate(_Model):
    """How per-decision losses become one number; see ``guerdon.objectives.aggregate``.

    ``class_id`` names the signal that holds the classes of ``class_mean``.
    """

    use: str = "token_mean"
    length: float | None = None
    eps: float = 0.0
    rows: Literal["scored", "all", "none"] = "scored"
    class_id: str = "domain"


class Train(_Model):
    """The optimiser loop. ``minibatches`` splits a rollout batch into updates, ``epochs`` passes over it again."""

    steps: Positive = 100
    lr: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = 0
    weight_decay: float = 0.0
    betas: tuple[Unit, Unit] = (0.9, 0.999)
    clip_norm: float | None = 1.0
    epochs: Positive = 1
    minibatches: Positive = 1
    micro_tokens: Positive | None = None
    share_prompt: bool = True
    seed: int = 0
    checkpoint_every: Positive = 50
    keep: Positive = 2
    max_unscored: Unit = 0.2
    non_finite: Literal["raise", "skip"] = "raise"
    threads: Positive | None = None


class Evaluation(_Model):
    """Held-out evaluation: every so many steps, on ``size`` tasks, ``samples`` each, greedy as well if asked."""

    every: Positive = 25
    size: Positive = 200
    samples: Positive = 4
    greedy: bool = True
    batch: Positive = 512


class Record(_Model):
    """What is kept of the rollouts: every ``every``-th step, per-token columns for ``detail`` groups of a step.

    ``kl_rows`` rows of each step also go through the policy as it was at the start, so that its KL is known where no
    method asks for it; this keeps a second copy of the model.
    """

    every: Positive = 1
    detail: Annotated[int, Field(ge=0)] = 2
    kl_rows: Annotated[int, Field(ge=0)] = 0


class Recipe(_Model):
    """A whole run. The same object is written in YAML and in Python."""

    task: One
    policy: Annotated[Policy, BeforeValidator(lambda v: {"use": v} if isinstance(v, str) else v)] = Policy()
    warm_start: WarmStart | None = None
    rollout: Annotated[Rollout, BeforeValidator(_passes)] = Rollout()
    reward: Many = ()
    shaping: Many = ()
    advantage: Many = (Entry(use="grpo"),)
    objective: Many = (Entry(use="clip"),)
    aggregate: Annotated[Aggregate, BeforeValidator(lambda v: {"use": v} if isinstance(v, str) else v)] | None = None
    selection: Many = ()
    providers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    train: Train = Train()
    eval: Evaluation = Evaluation()
    record: Record = Record()
    track: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    name: Annotated[str, AfterValidator(_file_name)] = ""
    about: str = ""
    expect: Mapping[str, Any] = Field(default_factory=dict)
    origin: Annotated[Mapping[str, str], Field(exclude=True, repr=False)] = Field(default_factory=dict)
    allow_code: Annotated[bool, Field(exclude=True, repr=False)] = False

    def data(self) -> dict[str, Any]:
        """Plain data, complete: what ``recipe.yaml`` of a run holds."""
        return self.model_dump(mode="json", by_alias=True)

    def yaml(self) -> str:
        """The complete recipe as YAML."""
        return dump_yaml(self.data())

    def explain(self) -> list[tuple[str, Any, str]]:
        """Every value with its dotted key and where it came from."""
        rows = []
        for key, value in _flatten(self.data()):
            rows.append((key, value, _origin(key, self.origin)))
        return rows


def _origin(key: str, origin: Mapping[str, str]) -> str:
    """Where a value was written; a name given alone (``advantage: grpo``) is the ``use`` of its entry."""
    plain = key.replace(".params.", ".")
    short = plain.removesuffix(".use") if plain.endswith(".use") else ""
    for candidate in (plain, short, short.removesuffix(".0")):
        if candidate and candidate in origin:
            return origin[candidate]
    return "default"


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [row for k, v in value.items() for row in _flatten(v, f"{path}.{k}" if path else str(k))]
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        return [row for i, v in enumerate(value) for row in _flatten(v, f"{path}.{i}")]
    return [(path, value)]


def shipped() -> dict[str, Path]:
    """Recipes inside the package, by name."""
    return {p.stem: p for p in sorted(FOLDER.glob("*.yaml"))}


def load(
    source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = (), *, allow_code: bool = False
) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides.

    Args:
        source: a YAML file, the name of a shipped recipe, a mapping, or a recipe.
        overrides: dotted keys, such as ``train.steps=10``, ``advantage=rloo`` or ``objective.0.low=0.1``.
        allow_code: whether ``use:`` may import code of the user.

    Raises:
        RecipeError, UnknownNameError, DataError: with file, line and key of the problem.

    Example:
        >>> recipe = load({"task": "arithmetic"}, ["advantage=rloo", "train.steps=3"])
        >>> recipe.advantage[0].use, recipe.train.steps
        ('rloo', 3)
    """
    if isinstance(source, Recipe):
        data, lines, name = source.data(), {}, source.name
        origin = dict(source.origin)
    elif isinstance(source, Mapping):
        data, lines, name, origin = dict(source), {}, str(source.get("name", "")), {}
    else:
        path = _find(source)
        data, lines = read_yaml(path)
        name = path.stem.lstrip(".")[:100]
        origin = {key: f"{path.name}:{line}" for key, line in lines.items()}
    for text in overrides:
        top = text.partition("=")[0].split(".")[0]
        if "." in text.partition("=")[0] and top in ("advantage", "objective") and top not in data:
            data[top] = [{"use": e.use} for e in Recipe.model_fields[top].default]
        data = apply_override(data, text)
        key = text.partition("=")[0]
        origin = {k: v for k, v in origin.items() if not k.startswith(f"{key}.")}
        origin |= dict.fromkeys((key, *(k for k, _ in _flatten(_value(data, key), key))), f"override {text}")
    data.setdefault("name", name)
    return _validate(
        data, Source(str(source) if isinstance(source, (str, Path)) else "recipe", lines), origin, allow_code
    )


def _value(data: Any, key: str) -> Any:
    """What an override set, or None where it named an entry of a list."""
    for part in key.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        else:
            data = data[int(part)] if isinstance(data, list) and part.isdigit() and int(part) < len(data) else None
    return data


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"
    known = shipped()
    if str(source) in known:
        return known[str(source)]
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        near = [str(p) for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        close = difflib.get_close_matches(str(path), near, n=1)
        raise DataError(
            "no such recipe file", where=str(path), fix=f"did you mean {close[0]}?" if close else "guerdon list recipes"
        )
    raise UnknownNameError("recipe", str(source), known)


def _validate(data: dict, source: Source, origin: Mapping[str, str], allow_code: bool) -> Recipe:
    _known_keys(data, Recipe, "", source)
    try:
        return Recipe.model_validate({**data, "origin": dict(origin), "allow_code": allow_code})
    except pydantic.ValidationError as error:
        first = first_problem(error)
        path = place_of(first, data)
        expected = (first.get("ctx") or {}).get("expected")
        if first["type"] == "missing":
            raise RecipeError(
                f"{path!r} is missing", where=source.at(path.rpartition(".")[0]), fix=f"add {path}: to the recipe"
            ) from None
        what = first["msg"].removeprefix("Value error, ")
        raise RecipeError(what, where=source.at(path), seen=first["input"], allowed=expected) from None


def _known_keys(data: Any, model: type[BaseModel], path: str, source: Source) -> None:
    if not isinstance(data, Mapping):
        return
    fields = {n: f for n, f in model.model_fields.items() if n not in ("origin", "allow_code")}
    for key, value in data.items():
        if key not in fields:
            where = source.at(f"{path}.{key}".strip("."))
            raise UnknownNameError("key of the recipe" if not path else f"key of {path}", str(key), fields, where=where)
        inner = _inner_model(fields[key].annotation)
        if inner is not None and inner not in (Entry, Schedule, Start):
            _known_keys(value, inner, f"{path}.{key}".strip("."), source)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    # optional and annotated models hold the model one level down
    return next((m for a in typing.get_args(annotation) if (m := _inner_model(a)) is not None), None)
