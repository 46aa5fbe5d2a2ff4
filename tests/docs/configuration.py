"""docs/configuration.md, made from the models: ``python -m tests.docs.configuration`` writes it."""

import dataclasses
import inspect
import re
from collections.abc import Iterable
from typing import Any

import dagster as dg

import fabric_assets
from fabric_assets import (
    ComputeSettings,
    DataFactoryResource,
    FabricResource,
    fabric_executor,
    notebook_asset,
)
from fabric_assets.schedules import TIME_VARIABLE, TIMEZONE_VARIABLE
from tests.component.reference import reference as component_reference
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

Made from the code by `python -m tests.docs.configuration`; a test compares the two.

Where several places set the same, the first counts: the launchpad's run config, an asset's own option, a field of the
resource or the YAML, an environment variable. Variables are read by the process that uses them; an empty one
is not set.
"""
_VARIABLES = {
    "FABRIC_WORKSPACE_ID": "field `workspace` of `FabricResource`",
    "FABRIC_API_URL": "field `api_url`",
    "FABRIC_ACCESS_TOKEN": "field `access_token`",
    "FABRIC_LOCAL_HOME": "field `local_home`",
    "FABRIC_NOTEBOOK_PREFIX": "field `notebook_prefix`",
    TIME_VARIABLE: "when `build_daily_schedule` launches its job, default `06:00`",
    TIMEZONE_VARIABLE: "its time zone, default `UTC`",
    "FABRIC_ADF_SUBSCRIPTION_ID, FABRIC_ADF_RESOURCE_GROUP, FABRIC_ADF_FACTORY": "which `DataFactoryResource` means",
    "FABRIC_ARM_URL, FABRIC_ARM_ACCESS_TOKEN": "its fields `arm_url` and `access_token`",
    "FABRIC_POWER_BI_URL, FABRIC_POWER_BI_ACCESS_TOKEN": "fields `power_bi_url` and `power_bi_access_token`",
    "FABRIC_NOTICES_...": "[notices](notices.md)",
    "AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET": "azure-identity's: who calls Fabric",
    "DAGSTER_HOME": "Dagster's: where `dagster.yaml` and the history are",
}
_EXECUTOR = "Config of a job (`fabric_executor.configured(...)`), or of a run under `execution: config:`."
_COMPONENT = "Attributes of its YAML. Every value may be a template such as `{{ env.NAME }}`."


def page() -> str:
    """The whole page."""
    variables = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in _VARIABLES.items())
    functions = dict.fromkeys([notebook_asset, *_public_functions()])
    parts = [
        f"{_INTRODUCTION}\n| variable | meaning |\n| --- | --- |\n{variables}",
        *(
            f"## {each.__name__}\n\n{_table(_resource_fields(each))}"
            for each in (FabricResource, DataFactoryResource)
        ),
        *(f"## {function.__name__}\n\n{_table(_arguments(function))}" for function in functions),
        f"## ComputeSettings\n\n{_table(_compute_fields())}",
        f"## fabric_executor\n\n{_EXECUTOR}\n\n{_table(_executor_fields())}",
        f"## FabricWorkspaceComponent\n\n{_COMPONENT}\n\n{component_reference()}",
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _public_functions() -> list[Any]:
    """The factories: they take what a user configures."""
    values = [getattr(fabric_assets, name) for name in fabric_assets.__all__]
    names = re.compile(r"build_\w+|\w+_asset|\w+_refresh")
    found = [value for value in values if inspect.isfunction(value) and names.fullmatch(value.__name__)]
    return sorted(found, key=lambda value: value.__name__.startswith("build_"))


def _table(rows: Iterable[tuple[str, object, str]]) -> str:
    shown = [f"| `{name}` | {_shown(default)} | {_line(text)} |" for name, default, text in rows]
    return "\n".join(["| | default | meaning |", "| --- | --- | --- |", *shown]) + "\n"


def _shown(default: object) -> str:
    match default:
        case inspect.Parameter.empty | dataclasses.MISSING:
            return "required"
        case None | () | [] | {}:
            return ""
        case tuple() | list():
            return f"`{', '.join(map(str, default))}`"
        case _:
            return f"`{getattr(default, 'name', default)}`"


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def _resource_fields(resource: type[dg.ConfigurableResource]) -> Iterable[tuple[str, object, str]]:
    for name, field in resource.model_fields.items():
        yield name, field.default, field.description or ""


def _compute_fields() -> Iterable[tuple[str, object, str]]:
    texts = _documented(ComputeSettings)
    for field in dataclasses.fields(ComputeSettings):
        default = None if field.default is dataclasses.MISSING else field.default
        yield field.name, default, texts[field.name]


def _arguments(function: Any) -> Iterable[tuple[str, object, str]]:
    texts = _documented(function)
    for name, parameter in inspect.signature(function).parameters.items():
        starred = {parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "")
        default = None if starred else parameter.default
        yield f"{starred}{name}", default, texts[f"{starred}{name}"]


def _documented(thing: Any) -> dict[str, str]:
    """Names and texts of the sections ``Args`` or ``Attributes`` of a docstring."""
    section = re.search(
        r"^(?:Args|Attributes):\n((?:    .*\n|\n)+)", inspect.getdoc(thing) + "\n", re.MULTILINE
    )
    assert section, f"{thing} documents no arguments"
    entries = re.findall(r"^    ([*\w]+): ((?:.*\n(?:     +.*\n)*))", section[1], re.MULTILINE)
    return dict(entries)


def _executor_fields() -> Iterable[tuple[str, object, str]]:
    ways = fabric_executor.config_schema.config_type.fields
    for way in ("one_process", "in_process", "multiprocess"):
        field = ways[way]
        yield way, None, field.description
        for name, inner in sorted(field.config_type.fields.items()):
            if name == "marker_to_close":
                continue  # deprecated by Dagster
            default = inner.default_value if inner.default_provided else None
            simple = default if isinstance(default, int | str) else None
            yield f"{way}: {name}", simple, inner.description or ""
    yield (
        "k8s, celery, celery_k8s, docker",
        None,
        "Dagster's executor of that name, if its package is installed.",
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
