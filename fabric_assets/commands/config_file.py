"""The file of ``--config``: the component's YAML, its attributes, or its ``lineage`` section."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from fabric_assets.asset_names import NameRules
from fabric_assets.commands.output import UsageError
from fabric_assets.lineage import IgnoreRule, Lineage, LineageConfig, LineageConfigError, build_graph
from fabric_assets.lineage.graph import Graph
from fabric_assets.near_names import nearest
from fabric_assets.notebook_patterns import matches

_COMPONENT_KEYS = {
    "source",
    "include",
    "exclude",
    "notebooks",
    "lineage",
    "workspace",
    "jobs",
    "defaults",
    "keys",
}
_COMPONENT = "FabricWorkspaceComponent"
_COMPONENT_TYPE = f"fabric_assets.{_COMPONENT}"
_VARIABLE = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")


@dataclass(frozen=True)
class ComponentYaml:
    """A ``FabricWorkspaceComponent`` in a file.

    Attributes:
        file: the file.
        attributes: its attributes, with templates as they stand.
    """

    file: Path
    attributes: Mapping[str, Any]
    _node: Any = field(repr=False)

    def place(self, path: Sequence[int | str]) -> str:
        """File, line and key of a path below the attributes."""
        line, key = _place(self._node, ["attributes", *path])
        return f"{self.file}:{line}, {key}"


@dataclass(frozen=True)
class CheckConfig:
    """What the lineage of the command line is made with.

    Attributes:
        lineage: what the notebooks' source does not say itself.
        include: patterns of notebooks to take, none: all; ``exclude``: to leave out.
        deps: notebook (or asset) to those that come before it.
        source: folder of the notebooks, if the file names one.
        names: how assets are named after notebooks.
        component: the component that the file has, if it is no class of the user's own.
    """

    lineage: LineageConfig = field(default_factory=LineageConfig)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    deps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: Path | None = None
    names: NameRules = field(default_factory=NameRules)
    component: ComponentYaml | None = None

    def chosen(self, lineage: Lineage) -> Lineage:
        """The lineage of the notebooks that are taken; configured dependencies count more than derived ones.

        Raises:
            UsageError: a pattern of ``include`` fits no notebook.
        """
        for pattern in self.include:
            if not any(matches(notebook, pattern) for notebook in lineage.notebooks):
                close = nearest(pattern.strip("*?"), (notebook.name for notebook in lineage.notebooks))
                raise UsageError(f"--config: include: no notebook matches {pattern!r}{close}")
        notebooks = [
            notebook
            for notebook in lineage.notebooks
            if (not self.include or any(matches(notebook, pattern) for pattern in self.include))
            and not any(matches(notebook, pattern) for pattern in self.exclude)
        ]
        turned = tuple(IgnoreRule(later, earlier) for earlier, later in self._order(lineage.graph))
        config = replace(lineage.config, ignore=(*lineage.config.ignore, *turned))
        return Lineage(tuple(notebooks), config)

    def graph(self, lineage: Lineage) -> Graph:
        """The graph, with races checked against derived and configured dependencies."""
        derived = [(edge.upstream, edge.downstream) for edge in lineage.graph.edges]
        order = [*derived, *self._order(lineage.graph)]
        config = lineage.config
        return build_graph(lineage.notebooks, allow=config.allow, ignore=config.ignore, order=order)

    def _order(self, graph: Graph) -> list[tuple[str, str]]:
        names: dict[str, str] = {}
        for node, notebook in graph.notebooks.items():
            for name in ("/".join(self.names.key(notebook.name)), notebook.name, node):
                names[name.lower()] = node
        return [
            (names[earlier.lower()], names[later.lower()])
            for later, before in self.deps.items()
            for earlier in before
            if earlier.lower() in names and later.lower() in names
        ]


def read_config(file: Path) -> CheckConfig:
    """Read the file.

    Raises:
        UsageError: it cannot be read, or it is not what it should be.
    """
    try:
        text = file.read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"--config {file}: {reason}") from error
    components = list(_components(documents, nodes, file))
    for component in components:
        _check_component(component)
    found = list(_attributes(documents))
    if len(found) != 1:
        raise UsageError(
            f"--config {file}: it should hold one {_COMPONENT}, or its `lineage` section; it holds {len(found)}"
        )
    (attributes,) = found
    try:
        config = _config(attributes, file.parent)
    except (LineageConfigError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"--config {file}: {error}") from error
    return replace(config, component=components[0] if components else None)


def _components(documents: Sequence[Any], nodes: Sequence[Any], file: Path) -> Iterator[ComponentYaml]:
    """The components in the file, but for those of a class of the user's own, which may have more keys."""
    for document, node in zip(documents, nodes, strict=False):
        if not isinstance(document, Mapping) or "attributes" not in document:
            continue
        if document.get("type", _COMPONENT_TYPE) == _COMPONENT_TYPE:
            yield ComponentYaml(file, document["attributes"] or {}, node)


def _check_component(component: ComponentYaml) -> None:
    """Check a component's attributes as Dagster does.

    Raises:
        UsageError: a key is unknown, or a value is not what it should be; with its line.
    """
    from pydantic import ValidationError

    from fabric_assets.component import FabricWorkspaceComponent

    try:
        FabricWorkspaceComponent.model().model_validate(component.attributes)
    except ValidationError as error:
        found: dict[str, str] = {}
        for entry in error.errors(include_url=False, include_context=False):
            place = component.place(entry["loc"])
            if entry["type"] == "missing":
                place = f"{place}.{entry['loc'][-1]}"
            # Of the errors for one value, the first is that of the type that it should have.
            found.setdefault(place, f"--config {place}: {entry['msg']}, it is {entry['input']!r}")
        raise UsageError("\n".join(found.values())) from error


def _place(node: Any, path: Sequence[int | str]) -> tuple[int, str]:
    """Line of a key and its name in full, as far as the path leads."""
    line, names = node.start_mark.line, []
    for part in path:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                continue
            line, node = entry[0].start_mark.line, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            continue
        names.append(str(part))
    return line + 1, ".".join(names)


def _attributes(documents: list[Any]) -> Iterator[Mapping[str, Any]]:
    """The attributes of each component in the file."""
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        if "type" in document:
            if str(document["type"]).endswith(_COMPONENT) or len(documents) == 1:
                yield document.get("attributes") or {}
        elif "attributes" in document:
            yield document["attributes"] or {}
        elif _COMPONENT_KEYS & set(document) and "lakehouses" not in document:
            yield document
        else:
            yield {"lineage": document}


def _filled(source: Any) -> Any:
    """The source with the values of environment variables."""
    if not isinstance(source, str) or "{{" not in source:
        return source
    filled = _VARIABLE.sub(lambda match: os.environ.get(match[1], ""), source)
    if "{{" in filled or not filled.strip():
        raise ValueError(f"the `source` {source!r} has no value here; give PATH as well")
    return filled


def _config(attributes: Mapping[str, Any], folder: Path) -> CheckConfig:
    source = _filled(attributes.get("source"))
    keys = attributes.get("keys") or {}
    patterns = [(entry["notebook"], entry["key"]) for entry in keys.get("patterns") or ()]
    return CheckConfig(
        lineage=LineageConfig.from_mapping(attributes.get("lineage") or {}),
        include=tuple(attributes.get("include") or ()),
        exclude=tuple(attributes.get("exclude") or ()),
        deps={
            (entry or {}).get("notebook") or key: tuple(
                dep for dep in (entry or {}).get("deps") or () if isinstance(dep, str)
            )
            for key, entry in (attributes.get("notebooks") or {}).items()
        },
        source=folder / source if source and source != "live" else None,
        names=NameRules(
            prefixes=keys.get("prefixes") or (),
            verbs=keys.get("verbs") or NameRules().verbs,
            patterns=patterns,
            key_prefix=keys.get("key_prefix") or (),
        ),
    )
