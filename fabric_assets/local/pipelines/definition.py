"""What ``pipeline-content.json`` says, checked before anything runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONTENT_FILE = "pipeline-content.json"
CONDITIONS = ("Succeeded", "Failed", "Skipped", "Completed")
_DURATION = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")


class DefinitionError(Exception):
    """A pipeline that cannot be read; the message says what is wrong and where."""


@dataclass(frozen=True)
class Policy:
    """How often an activity is tried, and how long; ``timeout_seconds`` of ``None``: as long as it takes."""

    timeout_seconds: float | None = None
    retry: int = 0
    retry_interval_seconds: float = 30.0


@dataclass(frozen=True)
class Activity:
    """One activity.

    Attributes:
        depends_on: name of an activity to the conditions of which one must be met.
        settings: its ``typeProperties``.
        inactive_as: what an inactive activity counts as; ``None``: it is active.
    """

    name: str
    type: str
    depends_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    settings: Mapping[str, Any] = field(default_factory=dict)
    inactive_as: str | None = None


@dataclass(frozen=True)
class PipelineDefinition:
    """A data pipeline. Parameters and variables have their default values, ``None`` where there is none."""

    activities: tuple[Activity, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def read_definition(folder: Path | None) -> PipelineDefinition:
    """The definition in an item's folder.

    Raises:
        DefinitionError: there is none, or it cannot be read.
    """
    if folder is None:
        raise DefinitionError("it has no files")
    try:
        content = json.loads((folder / CONTENT_FILE).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DefinitionError(f"{CONTENT_FILE} cannot be read: {error}") from error
    properties = content.get("properties") if isinstance(content, dict) else None
    if not isinstance(properties, dict):
        raise DefinitionError(f"{CONTENT_FILE} needs the object 'properties'")
    return PipelineDefinition(
        parse_activities(properties.get("activities")),
        _defaults(properties, "parameters"),
        _defaults(properties, "variables"),
    )


def parse_activities(value: Any) -> tuple[Activity, ...]:
    """A list of activities, as it stands in a pipeline or in a container.

    Raises:
        DefinitionError: a name is missing or there twice, or dependencies lead nowhere or in a circle.
    """
    if not isinstance(value or [], list):
        raise DefinitionError("'activities' must be a list")
    activities = tuple(_activity(entry) for entry in value or [])
    by_name = {activity.name: activity for activity in activities}
    if len(by_name) < len(activities):
        raise DefinitionError("two activities have the same name")
    for activity in activities:
        for name in activity.depends_on:
            if name not in by_name:
                raise DefinitionError(f"activity '{activity.name}' depends on '{name}', which is not there")
    _refuse_circles(by_name)
    return activities


def _activity(entry: Any) -> Activity:
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("name"), str)
        or not isinstance(entry.get("type"), str)
    ):
        raise DefinitionError("each activity needs the texts 'name' and 'type'")
    name = entry["name"]
    depends_on = {}
    for dependency in entry.get("dependsOn") or ():
        conditions = frozenset(dependency.get("dependencyConditions") or ["Succeeded"])
        if unknown := sorted(conditions - set(CONDITIONS)):
            raise DefinitionError(f"activity '{name}' has the unknown dependency condition '{unknown[0]}'")
        depends_on[dependency.get("activity")] = conditions
    settings = entry.get("typeProperties") or {}
    if not isinstance(settings, dict):
        raise DefinitionError(f"typeProperties of activity '{name}' must be an object")
    inactive = entry.get("onInactiveMarkAs", "Succeeded") if entry.get("state") == "Inactive" else None
    return Activity(
        name, entry["type"], depends_on, _policy(name, entry.get("policy") or {}), settings, inactive
    )


def _policy(name: str, policy: Any) -> Policy:
    timeout = policy.get("timeout")
    found = _DURATION.fullmatch(timeout) if isinstance(timeout, str) else None
    retry, interval = policy.get("retry", 0), policy.get("retryIntervalInSeconds", 30)
    if (
        (timeout is not None and found is None)
        or not isinstance(retry, int)
        or not isinstance(interval, int | float)
    ):
        raise DefinitionError(
            f"the policy of activity '{name}' cannot be used: the timeout must look like 0.12:00:00, "
            "retry and retryIntervalInSeconds must be numbers"
        )
    seconds = None
    if found is not None:
        days, hours, minutes, rest = (int(part or 0) for part in found.groups())
        seconds = ((days * 24 + hours) * 60 + minutes) * 60.0 + rest
    return Policy(seconds, retry, float(interval))


def _defaults(properties: Mapping[str, Any], kind: str) -> dict[str, Any]:
    declared = properties.get(kind) or {}
    if not isinstance(declared, dict) or not all(isinstance(entry, dict) for entry in declared.values()):
        raise DefinitionError(f"'{kind}' must be an object of objects")
    return {name: entry.get("defaultValue") for name, entry in declared.items()}


def _refuse_circles(by_name: Mapping[str, Activity]) -> None:
    done: set[str] = set()
    while len(done) < len(by_name):
        ready = [name for name in by_name if name not in done and set(by_name[name].depends_on) <= done]
        if not ready:
            circle = ", ".join(f"'{name}'" for name in by_name if name not in done)
            raise DefinitionError(f"the activities {circle} depend on each other in a circle")
        done.update(ready)
