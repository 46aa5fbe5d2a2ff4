"""The pipelines in a file: of Fabric, of Azure Data Factory, or in an ARM template."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ACTIVITY = re.compile(r"\bactivity\(\s*'((?:[^']|'')*)'\s*\)")


@dataclass(frozen=True)
class PipelineSource:
    """A pipeline as it stands in a file.

    Attributes:
        name: its name, empty if the file does not tell.
        properties: ``activities``, ``parameters`` and the rest.
        where: place of the properties in the file.
    """

    name: str
    properties: dict[str, Any]
    where: str


def pipelines_in(value: Any) -> list[PipelineSource]:
    """The pipelines in a JSON value: one of Fabric, one of Data Factory, or those of an ARM template."""
    if not isinstance(value, dict):
        return []
    properties = value.get("properties")
    if isinstance(properties, dict) and "activities" in properties:
        name = value.get("name")
        return [PipelineSource(name if isinstance(name, str) else "", properties, "properties")]
    activities = value.get("activities")
    if isinstance(activities, list) and any(
        isinstance(entry, dict) and "type" in entry for entry in activities
    ):
        return [PipelineSource("", value, "")]
    found = []
    resources = value.get("resources")
    for index, resource in enumerate(resources if isinstance(resources, list) else []):
        if isinstance(resource, dict) and str(resource.get("type", "")).endswith("/pipelines"):
            names = re.findall(r"[^/'\"\])\[(]+", str(resource.get("name", "")))
            properties = resource.get("properties")
            if isinstance(properties, dict) and names:
                found.append(PipelineSource(names[-1], properties, f"resources[{index}].properties"))
    return found


def called_names(sources: Mapping[str, PipelineSource]) -> set[str]:
    """Pipelines that another one of them calls."""
    return {
        str(part.get("referenceName"))
        for name, source in sources.items()
        for part in _objects(source.properties.get("activities"))
        if part.get("type") == "PipelineReference" and part.get("referenceName") != name
    }


def changed_variables(activities: Any) -> set[str]:
    """Variables that some activity sets."""
    return {
        part["variableName"] for part in _objects(activities) if isinstance(part.get("variableName"), str)
    }


def starts_notebooks(activities: Any) -> bool:
    """Whether there is an activity among them, or within, that may start a notebook."""
    kinds = ("Notebook", "WebActivity", "WebHook", "InvokePipeline", "ExecutePipeline")
    return any(str(part.get("type", "")).endswith(kinds) for part in _objects(activities))


def unknown_activities(source: PipelineSource) -> list[tuple[str, str]]:
    """Place and name of each ``activity('name')`` in an expression that names no activity of the pipeline."""
    activities = source.properties.get("activities")
    known = {str(part["name"]).lower() for part in _objects(activities) if isinstance(part.get("name"), str)}
    found: list[tuple[str, str]] = []
    todo: list[tuple[str, Any]] = [
        (f"{source.where}.activities" if source.where else "activities", activities)
    ]
    while todo:
        where, part = todo.pop()
        if isinstance(part, dict):
            todo += [(f"{where}.{key}", value) for key, value in reversed(part.items())]
        elif isinstance(part, list):
            todo += [(f"{where}[{index}]", value) for index, value in reversed(list(enumerate(part)))]
        elif isinstance(part, str) and (part.startswith("@") or "@{" in part):
            names = (name.replace("''", "'") for name in _ACTIVITY.findall(part))
            found += [(where, name) for name in names if name.lower() not in known]
    return found


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    todo: list[Any] = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            yield part
            todo += part.values()
        elif isinstance(part, list):
            todo += part
