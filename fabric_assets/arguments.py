"""Where a notebook's parameters get their values from: run config, partition key, another's exit value, or fixed."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

import dagster as dg

from fabric_assets.client.compute import ParameterValue, parameter_problem
from fabric_assets.exit_values import exit_value_for

_CONFIG_TYPES: dict[type, Any] = {
    bool: dg.Bool,
    int: dg.Int,
    float: dg.Float,
    str: dg.String,
    list: dg.Array(dg.Noneable(dg.Any)),
    dict: dict,  # any keys
    NoneType: dg.Any,
}
_REQUIRED: Any = object()

JsonValue = ParameterValue | list[Any] | tuple[Any, ...] | dict[str, Any] | None
"""What a pipeline and jobs of other items take as a parameter; a notebook takes a ``ParameterValue``."""


@dataclass(frozen=True)
class ConfigField:
    """A field of the run config, see ``config_field``."""

    type: type[Any]
    default: Any
    description: str | None


@dataclass(frozen=True)
class Fixed:
    """A value that nobody can change at launch, see ``fixed``."""

    value: JsonValue


@dataclass(frozen=True)
class PartitionKey:
    """The partition key, see ``partition_key``."""


@dataclass(frozen=True)
class PartitionEdge:
    """Where the partitions that are materialized begin or end, see ``partition_start`` and ``partition_end``."""

    end: bool
    format: str | None


@dataclass(frozen=True)
class ExitValueOf:
    """The exit value of another asset's notebook, see ``exit_value_of``."""

    asset_key: dg.AssetKey


_Source = ConfigField | Fixed | PartitionKey | PartitionEdge | ExitValueOf

Argument = JsonValue | _Source


@dataclass(frozen=True)
class Launch:
    """What the values of one materialization are made of.

    Attributes:
        config: the run config's values.
        partition: the key of the partition, ``None`` if there is none or there are several.
        key_range: first and last key of the partitions.
        time_window: begin and end of the partitions, if they are spans of time.
        exit_value: gives the exit value of another asset.
    """

    config: Mapping[str, Any]
    exit_value: Callable[[dg.AssetKey], str]
    partition: str | None = None
    key_range: tuple[str, str] | None = None
    time_window: tuple[datetime, datetime] | None = None


def config_field(
    type: type[JsonValue],  # noqa: A002 -- what it is
    *,
    default: JsonValue = _REQUIRED,
    description: str | None = None,
) -> ConfigField:
    """A typed field of the run config (the launchpad) whose value reaches the notebook as a parameter.

    A plain value says the same in short: ``False`` instead of ``config_field(bool, default=False)``.

    Args:
        type: ``bool``, ``int``, ``float`` or ``str``; of what is no notebook ``list`` and ``dict`` too.
        default: the value if the launch names none; without it the field is required.
        description: shown beside the field.
    """
    return ConfigField(type, default, description)


def fixed(value: JsonValue) -> Fixed:
    """A value that is always sent and does not show in the launchpad."""
    return Fixed(value)


def partition_key() -> PartitionKey:
    """The key of the partition that is materialized, as a string."""
    return PartitionKey()


def partition_start(format: str | None = None) -> PartitionEdge:  # noqa: A002 -- as in dagster's partitions
    """Where the materialized partitions begin: of one partition, or of the range that a backfill gives to one run.

    Args:
        format: for partitions that are spans of time, or that have one such dimension, the begin as ``strftime``
            writes it, such as ``"%Y-%m-%d"``; ``None``: the key of the first partition.
    """
    return PartitionEdge(end=False, format=format)


def partition_end(format: str | None = None) -> PartitionEdge:  # noqa: A002
    """Where the materialized partitions end; see ``partition_start``.

    Args:
        format: for partitions that are spans of time, the end, which does not belong to them any more; ``None``: the
            key of the last partition, which does.
    """
    return PartitionEdge(end=True, format=format)


def exit_value_of(asset: dg.AssetKey | str | Sequence[str]) -> ExitValueOf:
    """What the notebook of another asset passed to ``notebook.exit``, as text.

    It is that of the same run, else of the run that this one re-executes, else the latest. The asset becomes a
    dependency. If it has partitions, it is the exit value of the partition that belongs to the one that is
    materialized, as Dagster maps them (``dg.AssetDep(..., partition_mapping=...)`` among ``deps``); if several belong
    to it, they must have the same exit value, as those have that one job instance loaded together. An asset without
    partitions takes what its own run loaded, whichever partition that was.
    """
    return ExitValueOf(dg.AssetKey.from_coercible(asset))


class Arguments:
    """The checked arguments of one asset.

    Args:
        asset: name of the asset, for messages.
        arguments: parameter name to argument.
        partitioned: whether the asset has partitions, one of which is materialized at a time.
        ranges: whether it has partitions, one or more of which are materialized at a time.
        problem: why the service could not take a parameter of this name and value; ``None`` if it can.

    Raises:
        dagster.DagsterInvalidDefinitionError: an argument that Fabric could not take.
    """

    def __init__(
        self,
        asset: str,
        arguments: Mapping[str, Argument],
        *,
        partitioned: bool,
        ranges: bool = False,
        problem: Callable[[str, Any], str | None] = parameter_problem,
    ) -> None:
        problems = [
            found
            for name, argument in arguments.items()
            if (found := _problem(name, argument, problem, partitioned=partitioned, ranges=ranges))
        ]
        seen: dict[str, str] = {}
        for name in arguments:
            other = seen.setdefault(str(name).lower(), name)
            if other != name:
                problems.append(
                    f"parameters {other!r} and {name!r} differ only in case, which Fabric ignores"
                )
        if problems:
            raise dg.DagsterInvalidDefinitionError(f"asset {asset}: " + "; ".join(problems))
        self._arguments: dict[str, _Source] = {
            name: argument if isinstance(argument, _Source) else _as_config_field(argument)
            for name, argument in arguments.items()
        }

    @property
    def config_schema(self) -> dict[str, dg.Field] | None:
        """Fields of the run config; ``None`` if no argument is one."""
        fields = {
            name: dg.Field(
                _CONFIG_TYPES[argument.type],
                description=argument.description,
                **({} if argument.default is _REQUIRED else {"default_value": argument.default}),
            )
            for name, argument in self._arguments.items()
            if isinstance(argument, ConfigField)
        }
        return fields or None

    def described(self) -> dict[str, Any]:
        """Each argument by its value, or in words where the value comes from."""
        return {name: _described(argument) for name, argument in self._arguments.items()}

    def upstream(self, deps: Iterable[Any]) -> list[dg.AssetKey]:
        """The assets whose exit values are taken and that are not among ``deps``."""
        known: set[dg.AssetKey] = set()
        for dep in deps:
            known |= set(dep.keys) if isinstance(dep, dg.AssetsDefinition) else {_dep_key(dep)}
        wanted = {
            argument.asset_key for argument in self._arguments.values() if isinstance(argument, ExitValueOf)
        }
        return sorted(wanted - known)

    def values(self, launch: Launch) -> dict[str, Any]:
        """What is sent for one materialization.

        Raises:
            dagster.Failure: another asset has no exit value to take.
        """
        return {name: _value(name, argument, launch) for name, argument in self._arguments.items()}


def _value(name: str, argument: _Source, launch: Launch) -> Any:
    match argument:
        case ConfigField():
            given = launch.config[name]
            return float(given) if argument.type is float else given
        case Fixed():
            return argument.value
        case PartitionKey():
            assert launch.partition is not None  # noqa: S101 -- checked when the asset was defined
            return str(launch.partition)  # a MultiPartitionKey is a subclass of str
        case PartitionEdge():
            return _edge(name, argument, launch)
        case ExitValueOf():
            return launch.exit_value(argument.asset_key)


def _described(argument: _Source) -> Any:
    match argument:
        case ConfigField():
            return "run config, required" if argument.default is _REQUIRED else argument.default
        case Fixed():
            return argument.value
        case PartitionKey():
            return "partition key"
        case PartitionEdge():
            return f"{'end' if argument.end else 'begin'} of the partitions"
        case ExitValueOf():
            return f"exit value of {argument.asset_key.to_user_string()}"


def launch_of(
    context: dg.AssetExecutionContext,
    asset: str,
    partition: str | None,
    keys: Mapping[dg.AssetKey, dg.AssetKey],
) -> Launch:
    """What the run that ``context`` belongs to gives to the arguments.

    Args:
        context: the step's context.
        asset: name of the asset, for messages.
        partition: the key of the partition, ``None`` if there is none or there are several.
        keys: those of other assets, as the arguments name them, to those that they have now.
    """
    ranged = context.has_partition_key or context.has_partition_key_range
    key_range = context.partition_key_range if ranged else None
    spans = ranged and _spans_of_time(context.assets_def.partitions_def)
    return Launch(
        config=context.op_execution_context.op_config or {},
        exit_value=lambda key: exit_value_for(
            context, keys.get(key, key), partition=partition, wanted_by=asset
        ),
        partition=partition,
        key_range=(str(key_range.start), str(key_range.end)) if key_range is not None else None,
        time_window=tuple(context.partition_time_window) if spans else None,
    )


def _spans_of_time(partitions: dg.PartitionsDefinition | None) -> bool:
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        dimensions = [each.partitions_def for each in partitions.partitions_defs]
        return sum(isinstance(each, dg.TimeWindowPartitionsDefinition) for each in dimensions) == 1
    return isinstance(partitions, dg.TimeWindowPartitionsDefinition)


def _dep_key(dep: Any) -> dg.AssetKey:
    return (dep if isinstance(dep, dg.AssetDep) else dg.AssetDep(dep)).asset_key


def _edge(name: str, edge: PartitionEdge, launch: Launch) -> str:
    if launch.key_range is None:
        raise dg.Failure(
            f"argument {name!r} takes the begin or end of the partitions that are materialized, but the run names "
            "none. Nothing was started; launch it for a partition, or for a range of them",
            allow_retries=False,
        )
    if edge.format is None:
        return launch.key_range[edge.end]
    if launch.time_window is None:
        raise dg.Failure(
            f"argument {name!r} takes a time in the format {edge.format!r}, but the partitions are no spans of time "
            "and have no one dimension of them; "
            "leave the format out to get the partition's key",
            allow_retries=False,
        )
    return launch.time_window[edge.end].strftime(edge.format)


def _as_config_field(value: JsonValue) -> ConfigField:
    # Of Python's own types, as config fields have them: a tuple becomes a list, an enum its value.
    plain = json.loads(json.dumps(value))
    return ConfigField(type(plain), plain, None)


def _problem(
    name: str,
    argument: object,
    problem: Callable[[str, Any], str | None],
    *,
    partitioned: bool,
    ranges: bool,
) -> str | None:
    match argument:
        case ExitValueOf():
            return problem(name, "")
        case PartitionEdge():
            if not (partitioned or ranges):
                return f"parameter {name!r} takes the begin or end of partitions, but the asset has none"
            return problem(name, "")
        case PartitionKey():
            if not partitioned:
                return (
                    f"parameter {name!r} takes the partition key, but a materialization has no single partition; "
                    "take partition_start() and partition_end()"
                    if ranges
                    else f"parameter {name!r} takes the partition key, but the asset has no partitions"
                )
            return problem(name, "")
        case Fixed():
            return problem(name, argument.value)
        case ConfigField():
            if argument.type not in _CONFIG_TYPES:
                return (
                    f"parameter {name!r} has the type {getattr(argument.type, '__name__', argument.type)}, which "
                    "Fabric has not; it has str, int, float and bool, of what is no notebook list and dict too"
                )
            if argument.default is _REQUIRED:
                return problem(name, argument.type())
            if type(argument.default) is not argument.type:
                return f"parameter {name!r}: default {argument.default!r} is no {argument.type.__name__}"
            return problem(name, argument.default)
        case _:
            return problem(name, argument)
