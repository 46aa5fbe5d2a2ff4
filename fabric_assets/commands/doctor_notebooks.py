"""What the doctor looks at for each notebook asset: notebook, parameters cell, arguments, default lakehouse."""

import ast
import asyncio
import base64
import binascii
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from fabric_assets.asset_factory import NOTEBOOK_METADATA
from fabric_assets.client.errors import FabricError
from fabric_assets.client.fabric_client import is_guid
from fabric_assets.client.models import Item, Workspace
from fabric_assets.commands.doctor_report import Report
from fabric_assets.commands.doctor_service import Examined
from fabric_assets.job_asset import ARGUMENTS_METADATA, WORKSPACE_METADATA
from fabric_assets.lineage.source import Attached, NotebookSource, parse_notebook
from fabric_assets.resource import FabricResource

MOST_DEFINITIONS = 100
"""So many notebooks are read by default: each is a call of the quota."""

_AT_ONCE = 8
_NO_ID = "00000000-0000-0000-0000-000000000000"
_TYPES = {dg.Bool: "bool", dg.Int: "int", dg.Float: "float", dg.String: "str"}
_FITTING = {("int", "float"), ("float", "int")}


@dataclass(frozen=True)
class NotebookAsset:
    """An asset that runs a notebook.

    Attributes:
        notebook: as it is configured, with the prefix filled in.
        workspace: as it is configured; ``None``: the resource's.
        arguments: name to type, ``None`` where the type is not known before a run.
    """

    name: str
    notebook: str
    workspace: str | None
    arguments: Mapping[str, str | None] = field(default_factory=dict)


def notebook_assets(
    assets: Sequence[dg.AssetsDefinition], resource_key: str | None, resource: FabricResource
) -> list[NotebookAsset]:
    """The assets that run notebooks with a resource, in the order of their names."""
    found = []
    for definition in assets:
        for key in sorted(definition.keys)[:1]:
            metadata = definition.metadata_by_key.get(key) or {}
            template = metadata.get(NOTEBOOK_METADATA)
            if not isinstance(template, str):
                continue
            if resource_key is not None and resource_key not in definition.required_resource_keys:
                continue
            workspace = metadata.get(WORKSPACE_METADATA)
            found.append(
                NotebookAsset(
                    key.to_user_string(),
                    resource.notebook_name(template),
                    str(workspace) if workspace else None,
                    _arguments(definition, metadata.get(ARGUMENTS_METADATA)),
                )
            )
    return found


def _arguments(definition: dg.AssetsDefinition, told: Any) -> dict[str, str | None]:
    """From the fields of the run config, and from the definition metadata for the others."""
    arguments: dict[str, str | None] = {}
    values = getattr(told, "value", told)
    if isinstance(values, Mapping):
        arguments.update(dict.fromkeys(map(str, values)))
    schema = definition.op.config_schema
    fields = getattr(schema.config_type, "fields", None) if schema is not None else None
    for name, entry in (fields or {}).items():
        kind = type(entry.config_type).__name__
        arguments[name] = {"Bool": "bool", "Int": "int", "Float": "float", "String": "str"}.get(kind)
    return arguments


async def examine_notebooks(
    report: Report, examined: Examined, assets: Sequence[NotebookAsset], prefix: str, *, all_of_them: bool
) -> None:
    """Look at the notebook of each asset."""
    room = asyncio.Semaphore(_AT_ONCE)
    stores: dict[str, list[Item]] = {examined.workspace.id.lower(): examined.items}
    looked = assets if all_of_them else assets[:MOST_DEFINITIONS]

    async def look(asset: NotebookAsset, *, inside: bool) -> Report:
        async with room:
            found = Report()
            await _examine(found, examined, asset, prefix, stores, inside=inside)
            return found

    tasks = [
        asyncio.create_task(look(asset, inside=number < len(looked))) for number, asset in enumerate(assets)
    ]
    there = 0
    try:
        for number, task in enumerate(tasks):
            found = await task
            report.extend(found)
            there += number >= len(looked) and not found.checks
    finally:
        for task in tasks:
            task.cancel()
    if len(looked) < len(assets):
        report.warning(
            f"{prefix}notebooks",
            f"of {len(assets)} notebook assets, only the first {len(looked)} were read; of the others only the names "
            f"were looked up: {there} of {len(assets) - len(looked)} are there",
            "--all reads all of them; each is a call of Fabric's quota.",
        )


async def _examine(
    report: Report,
    examined: Examined,
    asset: NotebookAsset,
    prefix: str,
    stores: dict[str, list[Item]],
    *,
    inside: bool,
) -> None:
    name = f"{prefix}asset {asset.name}"
    try:
        workspace, notebook = await _find(examined, asset)
    except FabricError as error:
        report.problem(
            name,
            str(error).partition("\n")[0],
            "Write the notebook's name as in Fabric, or its GUID (argument `notebook`).",
        )
        return
    if not inside:
        return  # one line tells of all that are there
    try:
        source = _source(notebook, await examined.client.get_notebook_definition(workspace.id, notebook.id))
    except (FabricError, KeyError, TypeError, binascii.Error) as error:
        report.warning(
            name,
            f"notebook {notebook.display_name!r} is there, but its definition could not be read: {error}",
            "The identity needs to be able to read and write the item for that; running it needs less.",
        )
        return
    good = [f"notebook {notebook.display_name!r}"]
    problems: list[tuple[str, str]] = []
    warnings: list[tuple[str, str]] = []
    if workspace.id != examined.workspace.id:
        good[0] += f" in workspace {workspace.display_name!r}"
    for text in (f"{problem.reason}" for problem in source.problems if problem.cell == 0):
        problems.append((text, "Open and save the notebook in Fabric."))
    _parameters(source, asset, good, problems, warnings)
    await _default_lakehouse(examined, workspace, source, stores, good, problems)
    for message, fix in problems:
        report.problem(name, f"notebook {notebook.display_name!r}: {message}", fix)
    for message, fix in warnings:
        report.warning(name, f"notebook {notebook.display_name!r}: {message}", fix)
    if not problems and not warnings:
        report.ok(name, ", ".join(good))


async def _find(examined: Examined, asset: NotebookAsset) -> tuple[Workspace, Item]:
    workspace = examined.workspace
    where = f"asset {asset.name}"
    if asset.workspace:
        workspace = await examined.directory.workspace(asset.workspace, configured_in=where)
    return workspace, await examined.directory.item(
        workspace, asset.notebook, "Notebook", configured_in=where
    )


def _source(notebook: Item, parts: list[dict[str, str]]) -> NotebookSource:
    content = next(part for part in parts if part["path"] != ".platform")
    return parse_notebook(notebook.display_name, content["path"], base64.b64decode(content["payload"]))


def _parameters(
    source: NotebookSource,
    asset: NotebookAsset,
    good: list[str],
    problems: list[tuple[str, str]],
    warnings: list[tuple[str, str]],
) -> None:
    cell = next((cell for cell in source.cells if cell.is_parameters), None)
    if cell is None:
        if asset.arguments:
            names = ", ".join(asset.arguments)
            warnings.append(
                (
                    f"it has no parameters cell: what the asset sends ({names}) is set before its first cell, and what "
                    "the notebook assigns itself wins",
                    "Mark the cell with their defaults in Fabric: ... > Toggle parameter cell.",
                )
            )
        else:
            good.append("takes no arguments")
        return
    if cell.language != "python":
        good.append(f"its parameters cell is {cell.language}, which is not read")
        return
    defined = assigned_types(cell.source)
    if defined is None:
        warnings.append(
            (
                "its parameters cell is no valid Python",
                "Correct it: Fabric runs it before the arguments are set.",
            )
        )
        return
    lower = {name.lower(): name for name in defined}
    for name, kind in asset.arguments.items():
        if name in defined:
            there = defined[name]
            if kind and there and kind != there and (kind, there) not in _FITTING:
                warnings.append(
                    (
                        f"argument {name!r} is sent as {kind}, its default in the parameters cell is {there}",
                        "Give both the same type: the notebook's code was written for the one in the cell.",
                    )
                )
        elif name.lower() in lower:
            problems.append(
                (
                    f"argument {name!r} is written {lower[name.lower()]!r} in the parameters cell",
                    f"Write it {lower[name.lower()]!r} in the asset's `arguments`, as in the cell.",
                )
            )
        else:
            near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
            if near:
                message = f"argument {name!r} is not in the parameters cell; did you mean {lower[near[0]]!r}?"
            else:
                known = ", ".join(defined) or "nothing"
                message = f"argument {name!r} is not in the parameters cell, which has {known}"
            problems.append(
                (message, "Write it as in the cell, add it to the cell, or leave it out of `arguments`.")
            )
    if asset.arguments:
        good.append(f"takes {', '.join(asset.arguments)}")
    else:
        good.append(f"its parameters ({', '.join(defined) or 'none'}) keep their defaults")


def assigned_types(source: str) -> dict[str, str | None] | None:
    """The variables that a parameters cell assigns, with the types of their defaults; ``None``: no valid Python."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: dict[str, str | None] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = _type_of(value)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                kind = _type_of(value) if value is not None else None
                found[name] = kind or (annotation.id if isinstance(annotation, ast.Name) else None)
    return found


def _type_of(value: ast.expr) -> str | None:
    try:
        constant = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    kind = type(constant).__name__
    return kind if kind in {"bool", "int", "float", "str"} else None


def _configured(source: NotebookSource) -> Attached | None:
    """The default lakehouse of a ``%%configure`` cell, which counts more than the attached one."""
    for cell in source.cells:
        if cell.language != "configure" or cell.is_frozen:
            continue
        try:
            lakehouse = json.loads(cell.source).get("defaultLakehouse")
            values = {name: lakehouse.get(name) for name in ("id", "name", "workspaceId")}
        except (ValueError, AttributeError, RecursionError):
            continue
        texts = {name: value if isinstance(value, str) else "" for name, value in values.items()}
        if texts["id"] or texts["name"]:
            return Attached(texts["id"], texts["name"], texts["workspaceId"])
    return None


async def _default_lakehouse(
    examined: Examined,
    workspace: Workspace,
    source: NotebookSource,
    stores: dict[str, list[Item]],
    good: list[str],
    problems: list[tuple[str, str]],
) -> None:
    attached = _configured(source) or source.default
    if attached is None:
        return
    kind = "Warehouse" if attached.is_warehouse else "Lakehouse"
    label = attached.name or attached.id
    home = workspace
    try:
        if attached.workspace_id and attached.workspace_id not in (_NO_ID, workspace.id):
            home = await examined.directory.workspace(
                attached.workspace_id, configured_in=f"the default {kind.lower()} of the notebook"
            )
        if home.id.lower() not in stores:
            stores[home.id.lower()] = await examined.client.list_items(home.id)
    except FabricError as error:
        problems.append(
            (
                f"its default {kind.lower()} {label!r} lies in a workspace that cannot be read: {error}",
                "Give the identity a role there, or attach another one.",
            )
        )
        return
    items = [item for item in stores[home.id.lower()] if item.type == kind]
    by_id = [item for item in items if is_guid(attached.id) and item.id.lower() == attached.id.lower()]
    by_name = [item for item in items if item.display_name.lower() == attached.name.lower()]
    # The local Fabric goes by the name: ids in a folder from Git are those of the workspace that it came from.
    if by_id or (by_name and (examined.is_local or not is_guid(attached.id))):
        good.append(f"default {kind.lower()} {(by_id or by_name)[0].display_name!r}")
        return
    also = f"; there is one of that name with another id ({by_name[0].id})" if by_name else ""
    problems.append(
        (
            f"its default {kind.lower()} {label!r} ({attached.id or 'no id'}) is not in workspace "
            f"{home.display_name!r}{also}",
            "Attach one that is there: open the notebook in Fabric, Explorer > Lakehouses; or give the asset "
            "`compute=ComputeSettings(default_lakehouse=...)`.",
        )
    )
