"""The part of the YAML about arguments and dependencies: where a parameter's value comes from, who is waited for."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(min_length=1)]


def _time_format(text: str) -> str:
    if "%" not in text:
        raise ValueError("no format of a time, such as %Y-%m-%d")
    return text


_TimeFormat = Annotated[str, AfterValidator(_time_format)]


class ArgumentSource(BaseModel):
    """Where the value of an argument comes from: one of these.

    Attributes:
        exit_value_of: the exit value of another entry's job instance, as text.
        partition_key: ``true``: the key of the partition that is materialized.
        partition_start: where the materialized partitions begin: a format such as ``%Y-%m-%d`` for partitions that are
            spans of time; ``true``: the key of the first one.
        partition_end: where they end: a format, for the end that does not belong to them any more; ``true``: the key of
            the last one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exit_value_of: Name | None = None
    partition_key: Literal[True] | None = None
    partition_start: Literal[True] | _TimeFormat | None = None
    partition_end: Literal[True] | _TimeFormat | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(f"it must have one of {', '.join(sorted(type(self).model_fields))}")
        return self


class AssetElsewhere(BaseModel):
    """An asset that is made elsewhere: by other definitions, or in another code location.

    Attributes:
        asset: its key, ``/`` between its parts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: Name


Argument = StrictBool | StrictInt | StrictFloat | StrictStr | ArgumentSource
