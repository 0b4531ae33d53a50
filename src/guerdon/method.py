"""The decorator that turns a function (or a small stateful class) into a method with a card.

Parameters before ``*`` are signals, keyword-only parameters are hyper-parameters; everything else a recipe,
the command line, the docs and the conformance suite need is read from the signature, never written twice.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from guerdon.errors import MethodError, UnknownNameError
from guerdon.signals import SIGNALS, signal

ROLES = ("token_loss", "weight", "mask", "penalty", "coefficient", "pair", "batch")
SCOPES = ("row", "group", "rollout_batch", "update_batch")
SOURCES = ("paper", "code", "derived", "ours", "unverified")


@dataclass(frozen=True)
class Stage:
    """One folder of the pipeline: what its methods return and where a recipe names them."""

    name: str
    folder: str
    recipe_key: str
    returns: str


STAGES: dict[str, Stage] = {
    s.name: s
    for s in (
        Stage("task", "tasks", "task", "prompts with gold answers and demonstrations"),
        Stage("verifier", "rewards.verifiers", "reward", "Verdict(score in [0, 1], status, reason) per completion"),
        Stage("process reward", "rewards.process", "reward", "Float[batch step] or Float[batch time]"),
        Stage("reward", "rewards", "reward", "Float[batch], or named Float[batch aspect], with a status per item"),
        Stage("reward model", "reward_models", "reward_model", "a head, a loss or a label builder"),
        Stage("shaping", "shaping", "shaping", "scores to scores, same axes or aspects folded into one"),
        Stage("advantage", "advantages", "advantage", "Float[batch time], detached"),
        Stage("preference loss", "objectives.preference", "objective", "Float[pair]"),
        Stage("objective", "objectives", "objective", "by role: token_loss, weight, mask, penalty, coefficient"),
        Stage("selection", "selection", "selection", "indices and weights, with or without feedback"),
        Stage("audit", "audits", "audit", "list of Finding"),
        Stage("theory", "theory", "", "a frozen Solution"),
        Stage("provider", "providers", "", "the signals it writes"),
        Stage("control", "control", "", "a loop over env.step"),
    )
}


@dataclass(frozen=True)
class Paper:
    """Where a method comes from; ``slug`` names its family and system, such as ``entropy/empg``."""

    id: str
    title: str
    slug: str = ""
    where: str = ""

    @property
    def url(self) -> str:
        """Link to the abstract for arXiv ids, else empty."""
        return f"https://arxiv.org/abs/{self.id[6:]}" if self.id.startswith("arXiv:") else ""


@dataclass(frozen=True)
class Input:
    """A signal parameter: its name in the vocabulary, whether it is optional, and its bound settings."""

    name: str
    optional: bool
    annotation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Param:
    """A hyper-parameter: type and default as written, and where the default comes from."""

    name: str
    annotation: str
    default: Any
    required: bool
    source: str


@dataclass(frozen=True)
class Preset:
    """A name that owns no code: a method with some hyper-parameters, bindings and recipe settings fixed."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    bind: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    aggregate: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Policy:
    """What a verifier does where verifiers usually differ, in a sentence each; shown on its page.

    ``several`` answers in one completion, an ``empty`` answer, an answer ``copied`` from the prompt; ``floor`` is the
    score of a completion that is at fault.
    """

    several: str
    empty: str
    copied: str
    floor: float = 0.0


@dataclass(frozen=True)
class Card:
    """Everything known about a method without running it; JSON-able through :meth:`data`."""

    name: str
    stage: str
    kind: str
    role: str | None
    scope: str
    summary: str
    inputs: tuple[Input, ...]
    params: tuple[Param, ...]
    papers: tuple[Paper, ...]
    tags: tuple[str, ...]
    traits: tuple[str, ...]
    writes: tuple[str, ...]
    presets: tuple[Preset, ...]
    aliases: tuple[str, ...]
    reduces_to: str
    golden: tuple[str, ...]
    aggregate: str | None
    policy: Policy | None
    module: str
    attr: str

    def data(self) -> dict[str, Any]:
        """Plain data for ``--json`` and the generated index."""
        return _plain(dataclasses.asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


@dataclass(frozen=True)
class Method:
    """A card and the function or class behind it."""

    card: Card
    target: Callable[..., Any]

    @property
    def stateful(self) -> bool:
        """Whether the method is a class that remembers between calls."""
        return inspect.isclass(self.target)

    def hints(self) -> dict[str, Any]:
        """Evaluated annotations of the hyper-parameters."""
        owner = self.target.__init__ if self.stateful else self.target
        hints = typing.get_type_hints(owner, include_extras=True)
        return {p.name: hints.get(p.name, Any) for p in self.card.params}


F = TypeVar("F", bound=Callable[..., Any])
_LOCAL: dict[str, Method] = {}  # every method whose module has been imported; filled by the decorator only


def method(
    *,
    paper: Paper | tuple[Paper, ...] = (),
    stage: str | None = None,
    role: str | None = None,
    scope: str = "row",
    kind: str | None = None,
    name: str | None = None,
    tags: tuple[str, ...] = (),
    traits: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    presets: tuple[Preset, ...] = (),
    aliases: tuple[str, ...] = (),
    reduces_to: str = "",
    golden: tuple[str, ...] | str = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    sources: Mapping[str, str] | None = None,
    default_source: str = "paper",
    aggregate: str | None = None,
    policy: Policy | None = None,
) -> Callable[[F], F]:
    """Register a function or stateful class as a method; returns it unchanged.

    Args:
        paper: one source or several; several when a component serves more than one paper.
        stage: only for methods outside guerdon's folders; inside, the folder decides.
        role: for objectives: ``token_loss``, ``weight``, ``mask``, ``penalty`` or ``coefficient``.
        scope: over what statistics are taken: ``row``, ``group``, ``rollout_batch``, ``update_batch``.
        kind: ``function``, ``stateful``, ``task``, ``solver``, ``call`` or ``head``; derived when not given.
        traits: declared properties that the conformance suite proves, such as ``shift_invariant``.
        writes: signals it returns besides its result (the only result for coefficients and providers).
        presets: names that own no code.
        settings: per signal, its settings; a value naming a hyper-parameter is bound to it.
        sources: per hyper-parameter, where the default comes from (``paper``, ``code``, ``derived``, ``ours``,
            ``unverified``); ``default_source`` covers the rest.
        aggregate: the only aggregation this objective is defined with, where it has one.
        policy: for verifiers: what happens to several, empty and copied answers, and the floor.

    Raises:
        MethodError: if a parameter is no signal, a role or scope is unknown, or a name is taken.
    """

    def register(target: F) -> F:
        card = _card(
            target, stage, role, scope, kind, name, paper, tags, traits, writes, presets, aliases,
            reduces_to, golden, settings or {}, sources or {}, default_source, aggregate, policy,
        )  # fmt: skip
        known = _LOCAL.get(card.name)
        if known is not None and (known.card.module, known.card.attr) != (card.module, card.attr):
            raise MethodError(
                f"two methods are named {card.name!r}", where=f"{card.module}.{card.attr}",
                seen=f"{known.card.module}.{known.card.attr}", fix="names are unique in the whole library: rename one",
            )  # fmt: skip
        _LOCAL[card.name] = Method(card, target)
        return target

    return register


def _card(
    target, stage, role, scope, kind, name, paper, tags, traits, writes, presets, aliases,
    reduces_to, golden, settings, sources, default_source, aggregate, policy,
) -> Card:  # fmt: skip
    module, attr = target.__module__, target.__qualname__
    where = f"{module}.{attr}"
    stage = stage or _stage_of(module)
    for label, value, allowed in (("stage", stage, STAGES), ("scope", scope, SCOPES), ("role", role, (*ROLES, None))):
        if value not in allowed:
            raise MethodError(f"unknown {label}", where=where, seen=value, allowed=[str(a) for a in allowed])
    is_class = inspect.isclass(target)
    call = target.__call__ if is_class else target
    # tasks, solvers and heads are called by their own protocol; only the others take signals
    free = kind in ("task", "solver", "head")
    inputs = () if free else _inputs(call, where, settings, is_class)
    params = _params(target, where, sources, default_source, free)
    for written in writes:
        _known_signal(written, where)
    papers = paper if isinstance(paper, tuple) else (paper,)
    shape = "stateful" if is_class else "call" if getattr(target, "exchange", None) else "function"
    doc = inspect.getdoc(target) or ""
    return Card(
        name=name or _snake(target.__name__), stage=stage, kind=kind or shape,
        role=role, scope=scope, summary=" ".join(doc.split("\n\n")[0].split()), inputs=inputs, params=params,
        papers=papers, tags=tuple(tags), traits=tuple(traits), writes=tuple(writes), presets=tuple(presets),
        aliases=tuple(aliases), reduces_to=reduces_to, golden=(golden,) if isinstance(golden, str) else tuple(golden),
        aggregate=aggregate, policy=policy, module=module, attr=attr,
    )  # fmt: skip


def _stage_of(module: str) -> str:
    inside = module.removeprefix("guerdon.")
    best = ""
    for name, stage in STAGES.items():
        if inside == stage.folder or inside.startswith(stage.folder + "."):
            if not best or len(stage.folder) > len(STAGES[best].folder):
                best = name
    if not best or not module.startswith("guerdon."):
        raise MethodError(
            "a method outside guerdon's folders must name its stage", where=module,
            allowed=list(STAGES), fix="@method(stage='reward', ...)",
        )  # fmt: skip
    return best


def _known_signal(name: str, where: str):
    try:
        return signal(name)
    except UnknownNameError as error:
        raise MethodError(
            f"parameter {name!r} is not a signal of the vocabulary", where=where, seen=name, allowed=error.nearest,
            fix="parameters before * are signals; move a hyper-parameter behind *",
        ) from None  # fmt: skip


def _inputs(call: Callable, where: str, settings: Mapping, is_class: bool) -> tuple[Input, ...]:
    found = []
    for parameter in list(inspect.signature(call).parameters.values())[is_class:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise MethodError("*args and **kwargs are not allowed in a method", where=where, seen=str(parameter))
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        _known_signal(parameter.name, where)
        optional = parameter.default is None
        found.append(
            Input(parameter.name, optional, _text(parameter.annotation), dict(settings.get(parameter.name, {})))
        )
    unknown = set(settings) - {i.name for i in found}
    if unknown:
        raise MethodError("settings name a signal the method does not take", where=where, seen=sorted(unknown))
    for item in found:
        extra = set(item.settings) - set(SIGNALS[item.name].settings)
        if extra:
            raise MethodError(
                f"signal {item.name!r} has no such setting", where=where, seen=sorted(extra),
                allowed=SIGNALS[item.name].settings or "none",
            )  # fmt: skip
    return tuple(found)


def _params(target: Callable, where: str, sources: Mapping, default_source: str, free: bool) -> tuple[Param, ...]:
    found = []
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY and not inspect.isclass(target):
            if not free:
                continue
        source = sources.get(parameter.name, default_source)
        if source not in SOURCES:
            raise MethodError("unknown source of a default", where=where, seen=source, allowed=SOURCES)
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        if type(default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
            default = target.__dataclass_fields__[parameter.name].default_factory()  # type: ignore[attr-defined]
        found.append(Param(parameter.name, _text(parameter.annotation), default, required, source))
    unknown = set(sources) - {p.name for p in found}
    if unknown:
        raise MethodError("sources name a hyper-parameter that does not exist", where=where, seen=sorted(unknown))
    return tuple(found)


def _text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _snake(name: str) -> str:
    out = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return out.lstrip("_")


def registered() -> Mapping[str, Method]:
    """Methods of the modules imported so far, by name."""
    return _LOCAL


class _Module(types.ModuleType):
    """This module, called as the decorator: ``@guerdon.method(...)`` is the same before and after it was imported."""

    def __call__(self, **options: Any) -> Callable[[F], F]:
        return method(**options)


sys.modules[__name__].__class__ = _Module
