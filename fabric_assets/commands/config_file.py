"""The file of ``--config``: the component's YAML, its attributes, or its ``lineage`` section."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from fabric_assets.asset_names import NameRules
from fabric_assets.commands.output import UsageError
from fabric_assets.lineage import IgnoreRule, Lineage, LineageConfig, LineageConfigError, build_graph
from fabric_assets.lineage.graph import Graph
from fabric_assets.notebook_patterns import matches, nearest

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


@dataclass(frozen=True)
class CheckConfig:
    """What the lineage of the command line is made with.

    Attributes:
        lineage: what the notebooks' source does not say itself.
        include: patterns of notebooks to take, none: all; ``exclude``: to leave out.
        deps: notebook (or asset) to those that come before it.
        source: folder of the notebooks, if the file names one.
        names: how assets are named after notebooks.
    """

    lineage: LineageConfig = field(default_factory=LineageConfig)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    deps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: Path | None = None
    names: NameRules = field(default_factory=NameRules)

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
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--config {file}: {error}") from error
    found = list(_attributes(documents))
    if len(found) != 1:
        raise UsageError(
            f"--config {file}: it should hold one {_COMPONENT}, or its `lineage` section; it holds {len(found)}"
        )
    (attributes,) = found
    try:
        return _config(attributes, file.parent)
    except (LineageConfigError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"--config {file}: {error}") from error


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


def _config(attributes: Mapping[str, Any], folder: Path) -> CheckConfig:
    source = attributes.get("source")
    keys = attributes.get("keys") or {}
    patterns = [(entry["notebook"], entry["key"]) for entry in keys.get("patterns") or ()]
    return CheckConfig(
        lineage=LineageConfig.from_mapping(attributes.get("lineage") or {}),
        include=tuple(attributes.get("include") or ()),
        exclude=tuple(attributes.get("exclude") or ()),
        deps={
            (entry or {}).get("notebook") or key: tuple((entry or {}).get("deps") or ())
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
