"""Where a notebook's parameters get their values from: run config, partition key, or fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from fabric_assets.client.compute import ParameterValue, parameter_problem

_CONFIG_TYPES: dict[type, Any] = {bool: dg.Bool, int: dg.Int, float: dg.Float, str: dg.String}
_REQUIRED: Any = object()


@dataclass(frozen=True)
class ConfigField:
    """A field of the run config, see ``config_field``."""

    type: type[ParameterValue]
    default: Any
    description: str | None


@dataclass(frozen=True)
class Fixed:
    """A value that nobody can change at launch, see ``fixed``."""

    value: ParameterValue


@dataclass(frozen=True)
class PartitionKey:
    """The partition key, see ``partition_key``."""


Argument = ParameterValue | ConfigField | Fixed | PartitionKey


def config_field(
    type: type[ParameterValue],  # noqa: A002 -- what it is
    *,
    default: ParameterValue = _REQUIRED,
    description: str | None = None,
) -> ConfigField:
    """A typed field of the run config (the launchpad) whose value reaches the notebook as a parameter.

    A plain value says the same in short: ``False`` instead of ``config_field(bool, default=False)``.

    Args:
        type: ``bool``, ``int``, ``float`` or ``str``.
        default: the value if the launch names none; without it the field is required.
        description: shown beside the field.
    """
    return ConfigField(type, default, description)


def fixed(value: ParameterValue) -> Fixed:
    """A value that is always sent and does not show in the launchpad."""
    return Fixed(value)


def partition_key() -> PartitionKey:
    """The key of the partition that is materialized, as a string."""
    return PartitionKey()


class Arguments:
    """The checked arguments of one asset.

    Args:
        asset: name of the asset, for messages.
        arguments: parameter name to argument.
        partitioned: whether the asset has partitions, one of which is materialized at a time.

    Raises:
        dagster.DagsterInvalidDefinitionError: an argument that Fabric could not take.
    """

    def __init__(self, asset: str, arguments: Mapping[str, Argument], *, partitioned: bool) -> None:
        self._arguments = {
            name: _as_config_field(argument) if isinstance(argument, str | int | float) else argument
            for name, argument in arguments.items()
        }
        problems = [
            problem
            for name, argument in self._arguments.items()
            if (problem := _problem(name, argument, partitioned))
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

    def values(
        self, config: Mapping[str, ParameterValue], partition: str | None
    ) -> dict[str, ParameterValue]:
        """What is sent for one materialization.

        Args:
            config: the run config's values.
            partition: key of the partition, ``None`` if there is none.
        """
        values: dict[str, ParameterValue] = {}
        for name, argument in self._arguments.items():
            match argument:
                case ConfigField():
                    values[name] = argument.type(config[name])
                case Fixed():
                    values[name] = argument.value
                case PartitionKey() if partition is not None:
                    values[name] = str(partition)  # a MultiPartitionKey is a subclass of str
        return values


def _as_config_field(value: ParameterValue) -> ConfigField:
    return ConfigField(type(value), value, None)


def _problem(name: str, argument: object, partitioned: bool) -> str | None:
    match argument:
        case PartitionKey():
            if not partitioned:
                return f"parameter {name!r} takes the partition key, but a materialization has no single partition"
            return parameter_problem(name, "")
        case Fixed():
            return parameter_problem(name, argument.value)
        case ConfigField():
            if argument.type not in _CONFIG_TYPES:
                return (
                    f"parameter {name!r} has the type {getattr(argument.type, '__name__', argument.type)}, which "
                    "Fabric has not; it has str, int, float and bool"
                )
            if argument.default is _REQUIRED:
                return parameter_problem(name, argument.type())
            if type(argument.default) is not argument.type:
                return f"parameter {name!r}: default {argument.default!r} is no {argument.type.__name__}"
            return parameter_problem(name, argument.default)
        case _:
            return parameter_problem(name, argument)
