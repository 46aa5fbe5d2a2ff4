"""Whether the component of a file fits the notebooks: what loading it would refuse."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fabric_assets.commands.config_file import ComponentYaml
from fabric_assets.commands.output import note
from fabric_assets.component import FabricWorkspaceComponent
from fabric_assets.component.log import log
from fabric_assets.component.templates import Places
from fabric_assets.lineage import Lineage

# They say nothing of names, and often come from the environment of where the component is loaded.
_ELSEWHERE = {"workspace", "connection", "resource", "source", "defs_state"}


def refusal(yaml: ComponentYaml, lineage: Lineage) -> str | None:
    """What loading the component refuses first, ``None`` if nothing; then its names fit the notebooks.

    A component without a source is not looked at: loading it compares its names with no notebooks.

    Args:
        yaml: the component.
        lineage: all notebooks of its source.
    """
    if not yaml.attributes.get("source"):
        return None
    with _quiet():
        try:
            component = _resolved(yaml)
            if component is not None:
                component.definitions_of(lineage, Places(yaml.place))
        except dg.DagsterError as error:
            text = " ".join(str(error).split())
            return text if text.startswith(f"{yaml.file}:") else f"{yaml.file}: {text}"
    return None


def _resolved(yaml: ComponentYaml) -> FabricWorkspaceComponent | None:
    attributes = {name: value for name, value in yaml.attributes.items() if name not in _ELSEWHERE}
    try:
        return FabricWorkspaceComponent.from_attributes_dict(attributes=attributes)
    except dg.DagsterError:
        raise
    except Exception as error:  # noqa: BLE001 -- a template may raise anything
        reason = str(error).strip().splitlines()[-1:]
        note(f"--config {yaml.file}: its names are not looked at: {' '.join(reason)}")
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of loading: the command tells these things itself."""
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
