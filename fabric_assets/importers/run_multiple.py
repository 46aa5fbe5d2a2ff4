"""Reads and checks the DAG of a ``runMultiple``: what ``validateDAG`` would say, and a little more."""

import re
from dataclasses import dataclass, field
from typing import Any

from fabric_assets.importers.errors import Problem
from fabric_assets.importers.notebook_values import Maybe, Undecided
from fabric_assets.importers.steps import find_cycle, short

DEFAULT_TIMEOUT_SECONDS = 43_200.0

_EXIT_VALUE = re.compile(r"\s*@activity\(\s*(['\"])(?P<name>.+?)\1\s*\)\.exitValue\(\)\s*", re.DOTALL)
_ACTIVITY = re.compile(r"@activity\(\s*(['\"])(?P<name>.*?)\1\s*\)", re.DOTALL)
_ROOT_FIELDS = {"activities", "timeoutInSeconds", "concurrency"}
_IGNORED_ROOT_FIELDS = {"refreshInterval", "displayDAGViaGraphviz", "useRootDefaultLakehouse"}
_FIELDS = {
    "name",
    "path",
    "args",
    "timeoutPerCellInSeconds",
    "retry",
    "retryIntervalInSeconds",
    "dependencies",
    "workspace",
}


@dataclass(frozen=True)
class ExitValueText:
    """An argument that is the exit value of another activity, by the activity's name."""

    activity: str


@dataclass(frozen=True)
class Gap:
    """A part of an activity that is not imported, and why."""

    activity: str
    where: str
    text: str


@dataclass(frozen=True)
class Activity:
    """One notebook of a ``runMultiple``. Times in seconds; ``None``: not given.

    Attributes:
        condition: why it may not be there at all, if the notebook decides that.
    """

    name: str
    notebook: str
    where: str
    args: dict[str, Any] = field(default_factory=dict)
    timeout_per_cell: float | None = None
    retry: int = 0
    retry_interval: float = 0
    dependencies: tuple[str, ...] = ()
    workspace: str | None = None
    condition: str | None = None


@dataclass
class Dag:
    """A DAG as it was read.

    Attributes:
        activities: in the order of the file.
        timeout: limit for all of them together, in seconds; ``None``: not given, so 12 hours.
        concurrency: how many run at once; 0: no limit; ``None``: not given.
        problems: what is wrong.
        gaps: what is not imported, and why.
        mentions: place and name of each ``@activity``.
    """

    activities: list[Activity] = field(default_factory=list)
    timeout: float | None = None
    concurrency: int | None = None
    problems: list[Problem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    mentions: list[tuple[str, str]] = field(default_factory=list)


def read_dag(value: Any, where: str = "") -> Dag:
    """The DAG in a value: a list of notebook names, or a dictionary with ``activities``.

    Args:
        value: what ``runMultiple`` is given; parts of it may be ``Undecided`` or ``Maybe``.
        where: place of the value in the file, such as ``"cell 2, line 4: "``.
    """
    dag = Dag()
    reader = _Reader(dag)
    place = where
    if isinstance(value, Undecided):
        dag.gaps.append(Gap("DAG", value.where, f"what runMultiple is given is not known: {value.reason}"))
        return dag
    if isinstance(value, list):
        entries = value
        if not value:
            reader.error(where, "is an empty list; there is nothing to run")
    elif isinstance(value, dict):
        place = _join(where, "activities")
        entries = reader.root(value, where)
    else:
        reader.error(
            where,
            f"runMultiple takes a list of notebook names or {{'activities': [...]}}, not {short(value)}",
        )
        return dag
    for index, entry in enumerate(entries):
        reader.entry(entry, f"{place}[{index}]", plain=isinstance(value, list))
    _check_graph(dag, place)
    return dag


class _Reader:
    """Reads the parts and notes what is wrong."""

    def __init__(self, dag: Dag) -> None:
        self._dag = dag

    def error(self, where: str, message: str) -> None:
        self._dag.problems.append(Problem(where, message))

    def warning(self, where: str, message: str) -> None:
        self._dag.problems.append(Problem(where, message, "warning"))

    def gap(self, activity: str, where: str, text: str) -> None:
        self._dag.gaps.append(Gap(activity, where, text))

    def root(self, value: dict[Any, Any], where: str) -> list[Any]:
        for key in value:
            if isinstance(key, Undecided):
                self.gap("DAG", key.where, f"more may be set in the DAG: {key.reason}")
            elif key in _IGNORED_ROOT_FIELDS:
                self.gap(
                    "DAG",
                    _join(where, key),
                    f"{key} has no meaning here: each notebook is a job instance of its "
                    "own, with its own default lakehouse, shown by Dagster",
                )
            elif key not in _ROOT_FIELDS:
                self.warning(
                    _join(where, str(key)),
                    f"runMultiple knows no field {key!r} of a DAG{_meant(key, _ROOT_FIELDS)}",
                )
        self._dag.timeout = self.number(value, "timeoutInSeconds", where, "DAG", low=0, strictly=True)
        concurrency = self.number(value, "concurrency", where, "DAG", low=0, whole=True)
        self._dag.concurrency = None if concurrency is None else int(concurrency)
        entries = value.get("activities")
        if isinstance(entries, Undecided):
            self.gap("DAG", entries.where, f"its activities are not known: {entries.reason}")
            return []
        if not isinstance(entries, list):
            missing = "is missing" if "activities" not in value else f"is {short(entries)}"
            self.error(_join(where, "activities"), f"{missing}; it must be a list of activities")
            return []
        if not entries:
            self.error(_join(where, "activities"), "is empty; there is nothing to run")
        return entries

    def entry(self, entry: Any, where: str, *, plain: bool, condition: str | None = None) -> None:
        if isinstance(entry, Maybe):
            self.entry(entry.value, where, plain=plain, condition=entry.reason)
        elif isinstance(entry, Undecided):
            self.gap("DAG", entry.where, f"there may be more activities: {entry.reason}")
        elif isinstance(entry, str) and entry.strip():
            self._dag.activities.append(Activity(entry, entry, where, condition=condition))
        elif isinstance(entry, dict):
            self.activity(entry, where, condition)
        else:
            what = "a notebook's name" if plain else "a dictionary with 'name' and 'path'"
            self.error(where, f"is {short(entry)}; an activity is {what}")

    def activity(self, entry: dict[Any, Any], where: str, condition: str | None) -> None:
        for key, value in list(entry.items()):
            if isinstance(key, Undecided):
                self.gap("DAG", key.where, f"more may be set in {where}: {key.reason}")
            elif isinstance(value, Undecided) and key in ("name", "path"):
                self.gap(
                    "DAG",
                    value.where,
                    f"the activity {where} is left out, its {key} is not known: {value.reason}",
                )
                return
        name = self.text(entry, "name", where)
        path = self.text(entry, "path", where)
        if name is None and path is None:
            self.error(where, "has neither 'name' nor 'path'; both are required")
            return
        if name is None and "name" not in entry:
            self.error(_join(where, "name"), f"is missing; an activity needs a unique name, such as {path!r}")
        if path is None and "path" not in entry:
            self.warning(_join(where, "path"), "is missing; the name is taken for the notebook's")
        title = name or path or ""
        for key in entry:
            if isinstance(key, str) and key not in _FIELDS:
                self.warning(
                    _join(where, key),
                    f"runMultiple knows no field {key!r} of an activity{_meant(key, _FIELDS)}, so it has no effect",
                )
        retry = self.number(entry, "retry", where, title, low=0, whole=True)
        interval = self.number(entry, "retryIntervalInSeconds", where, title, low=0)
        workspace = None
        if isinstance(entry.get("workspace"), Undecided):
            gap = entry["workspace"]
            self.gap(title, gap.where, f"its workspace is not known, the project's is taken: {gap.reason}")
        elif entry.get("workspace") not in (None, ""):
            workspace = self.text(entry, "workspace", where)
        self._dag.activities.append(
            Activity(
                name=title,
                notebook=path or title,
                where=where,
                args=self.args(entry, where, title),
                timeout_per_cell=self.number(
                    entry, "timeoutPerCellInSeconds", where, title, low=0, strictly=True
                ),
                retry=int(retry or 0),
                retry_interval=interval or 0,
                dependencies=self.dependencies(entry, where, title),
                workspace=workspace,
                condition=condition,
            )
        )

    def text(self, entry: dict[Any, Any], key: str, where: str) -> str | None:
        value = entry.get(key)
        if key not in entry or (isinstance(value, str) and value.strip()):
            return value
        self.error(_join(where, key), f"must be a text, it is {short(value)}")
        return None

    def number(
        self,
        entry: dict[Any, Any],
        key: str,
        where: str,
        title: str,
        *,
        low: float,
        whole: bool = False,
        strictly: bool = False,
    ) -> float | None:
        value = entry.get(key)
        if value is None:
            return None
        if isinstance(value, Undecided):
            self.gap(title, value.where, f"{key} is not known, the default is taken: {value.reason}")
            return None
        right_type = type(value) is int or (type(value) is float and not whole)
        if not right_type or not abs(value) < 1e12 or value < low or (strictly and value == low):
            kind = "a whole number" if whole else "a number"
            hint = f" (write {value} without quotes)" if isinstance(value, str) and value.isdigit() else ""
            bound = f"greater than {low:g}" if strictly else f"of at least {low:g}"
            self.error(_join(where, key), f"must be {kind} {bound}, it is {short(value)}{hint}")
            return None
        return float(value)

    def dependencies(self, entry: dict[Any, Any], where: str, title: str) -> tuple[str, ...]:
        value = entry.get("dependencies")
        place = _join(where, "dependencies")
        if isinstance(value, Undecided):
            self.gap(
                title, value.where, f"its dependencies are not known, so it waits for nothing: {value.reason}"
            )
            return ()
        if value is None:
            return ()
        if not isinstance(value, list | tuple | set):
            self.error(place, f"must be a list of names of activities, it is {short(value)}")
            return ()
        names: list[str] = []
        for index, name in enumerate(sorted(value, key=str) if isinstance(value, set) else value):
            if isinstance(name, Maybe):
                self.gap(title, place, f"it may wait for {short(name.value)}, which is kept: {name.reason}")
                name = name.value
            if isinstance(name, Undecided):
                self.gap(title, name.where, f"one of its dependencies is not known: {name.reason}")
            elif isinstance(name, str):
                names.append(name)
            else:
                self.error(f"{place}[{index}]", f"must be the name of an activity, it is {short(name)}")
        return tuple(dict.fromkeys(names))

    def args(self, entry: dict[Any, Any], where: str, title: str) -> dict[str, Any]:
        value = entry.get("args")
        place = _join(where, "args")
        if isinstance(value, Undecided):
            self.gap(title, value.where, f"its arguments are not known: {value.reason}")
            return {}
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.error(place, f"must be a dictionary of the notebook's parameters, it is {short(value)}")
            return {}
        args: dict[str, Any] = {}
        for key, argument in value.items():
            if isinstance(key, Undecided):
                self.gap(title, key.where, f"it may have more arguments: {key.reason}")
            elif not isinstance(key, str):
                self.error(place, f"the name of a parameter must be a text, {short(key)} is none")
            elif key == "useRootDefaultLakehouse":
                self.gap(
                    title,
                    f"{place}.{key}",
                    f"{key} is left out: a job instance has its own default lakehouse",
                )
            else:
                args[key] = self.argument(argument, f"{place}.{key}", title, key)
        return {key: argument for key, argument in args.items() if argument is not _LEFT_OUT}

    def argument(self, value: Any, where: str, title: str, key: str) -> Any:
        if isinstance(value, Maybe | Undecided):
            place = value.where if isinstance(value, Undecided) else where
            self.gap(title, place, f"argument {key} is left out, its value is not known: {value.reason}")
            return _LEFT_OUT
        if not isinstance(value, str):
            return value
        whole = _EXIT_VALUE.fullmatch(value)
        if whole and not _ACTIVITY.search(whole["name"]):
            self._dag.mentions.append((where, whole["name"]))
            return ExitValueText(whole["name"])
        if _ACTIVITY.search(value):
            self.gap(
                title,
                where,
                f"argument {key} is left out: only the whole exit value, @activity('name').exitValue(), can be an "
                f"argument, not {short(value)}; let the notebook put the text together",
            )
            self._dag.mentions += [(where, match["name"]) for match in _ACTIVITY.finditer(value)]
            return _LEFT_OUT
        if value.lstrip().startswith("@activity"):
            self.warning(
                where,
                f"{short(value)} is no expression, it is taken as text; write @activity('name').exitValue()",
            )
        return value


_LEFT_OUT = object()


def _check_graph(dag: Dag, where: str) -> None:
    names: dict[str, Activity] = {}
    for activity in dag.activities:
        other = names.setdefault(activity.name, activity)
        if other is activity:
            continue
        if activity.condition or other.condition:
            text = f"its name is that of {other.where}, which may be there instead; what waits for it waits for this"
            dag.gaps.append(Gap(activity.name, activity.where, text))
            continue
        text = f"the name {activity.name!r} is taken by {other.where} already; names must be unique"
        dag.problems.append(Problem(activity.where, text))
    known = ", ".join(list(names)[:10]) + (", ..." if len(names) > 10 else "")
    for activity in dag.activities:
        for index, name in enumerate(activity.dependencies):
            if name not in names:
                place = _join(activity.where, f"dependencies[{index}]")
                message = f"{activity.name!r} depends on {name!r}, which is no activity; there are: {known}"
                dag.problems.append(Problem(place, message))
    for place, name in dag.mentions:
        if name not in names:
            dag.problems.append(Problem(place, f"@activity({name!r}) is no activity; there are: {known}"))
    after = {
        activity.name: [name for name in activity.dependencies if name in names]
        for activity in dag.activities
    }
    cycle = find_cycle(after)
    if cycle:
        dag.problems.append(
            Problem(
                where,
                f"the activities wait for each other in a circle: {' -> '.join(cycle)}; remove one dependency",
            )
        )


def _join(where: str, key: str) -> str:
    """The place of a field; a place that ends with a colon and a blank stands before the DAG itself."""
    return f"{where}.{key}" if where and not where.endswith(": ") else f"{where}{key}"


def _meant(key: object, known: set[str]) -> str:
    wanted = str(key).lower().replace("_", "")
    close = [name for name in sorted(known) if name.lower() == wanted or wanted.startswith(name.lower())]
    return f" (is {close[0]!r} meant?)" if close else ""
