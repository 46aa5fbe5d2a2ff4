"""What ``fabric-assets run`` is asked to run: assets, partition and run config, checked before anything starts."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]

from fabric_assets.asset_factory import NOTEBOOK_METADATA
from fabric_assets.commands.code_location import CodeLocation
from fabric_assets.commands.output import UsageError, note
from fabric_assets.commands.running_partitions import partition_tags
from fabric_assets.near_names import nearest

# What Dagster reads as its former syntax, in which `+` is one layer and not, as in the present one, all of them.
_BARE_NAME = re.compile(r"(?P<up>\*|\d*\+)?(?P<name>[\w/.-]+?)(?P<down>\*|\+\d*)?")
_WORD = re.compile(r"[\w/.-]+")
_KEYWORDS = {"and", "or", "not", "key", "group", "tag", "owner", "kind", "code_location", "roots", "sinks"}
_SHOWN = 5


@dataclass(frozen=True)
class Selected:
    """What is to be run.

    Attributes:
        keys: the assets.
        job: the job of Dagster that holds them.
        tags: the run's tags, such as its partition.
        run_config: the run config, without what silences the console.
    """

    keys: frozenset[dg.AssetKey]
    job: dg.JobDefinition
    tags: Mapping[str, str]
    run_config: dict[str, Any]

    def parents(self, key: dg.AssetKey) -> frozenset[dg.AssetKey]:
        """The assets of the selection that come before this one."""
        return frozenset(self.job.asset_layer.get(key).parent_keys) & self.keys


def select(
    location: CodeLocation,
    instance: dg.DagsterInstance,
    selections: Sequence[str],
    *,
    partition: str | None,
    config_file: Path | None,
    settings: Sequence[str],
) -> Selected:
    """What the arguments mean.

    Args:
        location: the code location.
        instance: knows dynamic partitions.
        selections: asset selections in Dagster's syntax; their union is run.
        partition: key of the partition, or ``FIRST...LAST``.
        config_file: YAML with run config.
        settings: ``Asset.param=value``, which count more than the file.

    Raises:
        UsageError: they name something that is not there.
    """
    keys = _with_the_rest_of_steps(
        location, frozenset().union(*(_keys(location, text) for text in selections))
    )
    job = location.repository.get_implicit_job_def_for_assets(sorted(keys))
    if job is None:
        raise UsageError("these assets have different partitions; run them one after the other")
    run_config = _file_config(config_file, location) if config_file else {}
    for text in settings:
        _set(run_config, location, keys, text)
    return Selected(keys, job, partition_tags(job, keys, partition, instance), run_config)


def _with_the_rest_of_steps(location: CodeLocation, keys: frozenset[dg.AssetKey]) -> frozenset[dg.AssetKey]:
    """The selection with what the same steps write: a job instance that writes several tables writes all of them."""
    graph = location.repository.asset_graph
    whole = keys.union(*(graph.get(key).execution_set_asset_keys for key in keys))
    if whole != keys:
        names = ", ".join(sorted(key.to_user_string() for key in whole - keys))
        note(f"materialized too, by the same steps as selected assets: {names}")
    return whole


def _parsed(text: str) -> dg.AssetSelection:
    bare = _BARE_NAME.fullmatch(text.strip())
    if bare is None:
        return dg.AssetSelection.from_string(text)
    named = dg.AssetSelection.assets(dg.AssetKey.from_user_string(bare["name"]))
    up, down = bare["up"], bare["down"]
    selection: dg.AssetSelection = named.upstream(_layers(up)) if up else named
    return selection | named.downstream(_layers(down)) if down else selection


def _layers(sign: str) -> int | None:
    digits = sign.strip("+*")
    return int(digits) if digits else None


def _keys(location: CodeLocation, text: str) -> frozenset[dg.AssetKey]:
    graph = location.repository.asset_graph
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _parsed(text).resolve(graph)
        except dg.DagsterInvalidSubsetError:
            found = set()
        except dg.DagsterError as error:
            first = str(error).splitlines()[0]
            raise UsageError(
                f"{text!r} is no asset selection ({first}). Write for example DimCustomer, +FactSales, "
                "'group:dimensions' or 'key:\"Dim*\"'"
            ) from error
    executable = frozenset(found) & graph.executable_asset_keys
    if executable:
        return executable
    if found:
        names = ", ".join(sorted(key.to_user_string() for key in found))
        raise UsageError(f"{text!r} selects only assets that nothing here materializes: {names}")
    known = [key.to_user_string() for key in graph.executable_asset_keys]
    groups = sorted({node.group_name for node in graph.asset_nodes if node.group_name})
    bare = _BARE_NAME.fullmatch(text.strip())
    words = [bare["name"]] if bare else [word for word in _WORD.findall(text) if word not in _KEYWORDS]
    candidates = groups if text.lstrip("+*(").startswith("group:") else known
    close = next((hint for word in words if (hint := _close(word, candidates))), "")
    if not close:
        what = "groups" if candidates is groups else "assets"
        close = f"; {what} of {location.module}: {_some(sorted(candidates))}"
    raise UsageError(f"{text!r} selects no asset{close}")


def _close(word: str, names: Sequence[str]) -> str:
    same = sorted(name for name in names if name.lower().endswith(f"/{word.lower()}"))
    return f"; did you mean {' or '.join(map(repr, same[:_SHOWN]))}?" if same else nearest(word, names)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "") if names else "none"


def _file_config(file: Path, location: CodeLocation) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--config {file}: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"--config {file}: run config begins with names, such as `ops:`")
    # Dagster passes over the config of what a run does not hold, so a misspelt name would go unnoticed.
    known = {assets.node_def.name for assets in location.assets}
    known |= {checks.node_def.name for checks in location.repository.asset_checks_defs_by_key.values()}
    ops = values.get("ops")
    for name in ops if isinstance(ops, dict) else ():
        if name not in known:
            raise UsageError(f"--config {file}: there is no asset {name!r}{nearest(str(name), known)}")
    return values


def _set(run_config: dict[str, Any], location: CodeLocation, keys: frozenset[dg.AssetKey], text: str) -> None:
    target, equals, value = text.partition("=")
    asset, dot, parameter = target.rpartition(".")
    if not equals or not dot:
        raise UsageError(f"--set {text}: write Asset.parameter=value, such as DimCalendar.recreate=true")
    by_name = {key.to_user_string(): key for key in keys}
    if asset not in by_name:
        raise UsageError(f"--set {text}: {asset!r} is not among the selected assets{nearest(asset, by_name)}")
    definition = location.repository.assets_defs_by_key[by_name[asset]]
    schema = definition.op.config_schema
    fields = getattr(schema.config_type, "fields", None) if schema is not None else None
    if fields is None and NOTEBOOK_METADATA in definition.metadata_by_key[by_name[asset]]:
        fields = {}  # without arguments from the run config, Dagster takes any config and nobody reads it
    if fields is not None and parameter not in fields:
        known = f"; it takes {', '.join(sorted(fields))}" if fields else ", nor anything else"
        close = nearest(parameter, fields) or known
        raise UsageError(f"--set {text}: asset {asset} takes no {parameter!r} from the run config{close}")
    kind = type(fields[parameter].config_type).__name__ if fields is not None else ""
    node = run_config
    for name in ("ops", definition.node_def.name, "config"):
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            raise UsageError(f"--set {text}: the file of --config has something else at {name!r}")
    node[parameter] = _value(text, value, kind)


def _value(text: str, value: str, kind: str) -> Any:
    """The value in the type of the field; for a type that is no scalar, as YAML reads it."""
    try:
        match kind:
            case "String":
                return value
            case "Int":
                return int(value)
            case "Float":
                return float(value)
            case "Bool":
                return {"true": True, "false": False}[value.strip().lower()]
            case _:
                return yaml.safe_load(value)
    except (ValueError, KeyError, yaml.YAMLError) as error:
        what = {"Int": "a whole number", "Float": "a number", "Bool": "true or false"}.get(kind, "YAML")
        raise UsageError(f"--set {text}: the value must be {what}") from error
