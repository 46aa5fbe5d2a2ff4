"""From the DAGs and calls of ``runMultiple`` and ``notebook.run`` to steps and a job."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from fabric_assets.importers.errors import ImportFileError
from fabric_assets.importers.git_folder import GitFolder
from fabric_assets.importers.json_source import read_text
from fabric_assets.importers.notebook_cells import read_cells
from fabric_assets.importers.notebook_values import ExitValue, Undecided
from fabric_assets.importers.project import ExitValueOf, JobEntry, NotebookDefaults, Project
from fabric_assets.importers.report import ImportReport
from fabric_assets.importers.run_multiple import DEFAULT_TIMEOUT_SECONDS, Activity, Dag, ExitValueText
from fabric_assets.importers.steps import Step, build_project, take_argument

SESSION_START_SECONDS = 300.0
"""What a job instance may wait for a Spark session of its own, which a called notebook has already."""


@dataclass(frozen=True)
class RunCall:
    """One ``notebook.run``.

    Attributes:
        notebook: the notebook's name.
        timeout: its limit in seconds; ``None``: not given.
        args: its arguments; values may be ``Undecided`` or ``ExitValue``.
        where: place in the file.
        after: numbers of the calls that have ended before.
        condition: why it may not be made at all.
    """

    notebook: str
    timeout: float | None
    args: dict[str, Any]
    workspace: str | None
    where: str
    after: tuple[int, ...]
    condition: str | None


@dataclass(frozen=True)
class DagCall:
    """One ``runMultiple``; see ``RunCall``."""

    dag: Dag
    where: str
    after: tuple[int, ...] = ()
    condition: str | None = None


class DagProject:
    """Builds the project of calls that follow each other.

    Args:
        report: where remarks go.
        folder: the notebooks that lie beside, whose cells can be counted.
    """

    def __init__(self, report: ImportReport, folder: GitFolder) -> None:
        self._report = report
        self._folder = folder
        self._steps: list[Step] = []
        self._names: set[str] = set()
        self._of_call: list[dict[str, Step]] = []
        self._cells: dict[str, int | None] = {}

    def build(
        self, calls: list[RunCall | DagCall], job: str, pool_sizes: AbstractSet[int] = frozenset()
    ) -> Project:
        """The project of all calls.

        Args:
            calls: in the order of the notebook.
            job: name of the job that runs them.
            pool_sizes: sizes of the thread pools that make calls.
        """
        for call in calls:
            started = self._dag(call) if isinstance(call, DagCall) else self._run(call)
            self._of_call.append(started)
            self._follow(call, started)
        timeouts = [_timeout(call.dag) for call in calls if isinstance(call, DagCall)]
        defaults = NotebookDefaults(
            retry=0,
            retry_interval_seconds=0,
            timeout_seconds=max(timeouts, default=DEFAULT_TIMEOUT_SECONDS),
        )
        limits = self._limits(calls, job, pool_sizes)
        entry = JobEntry(notebooks=[step.name for step in self._steps], **limits)
        return build_project(self._report, self._steps, defaults=defaults, jobs={job: entry})

    def _limits(
        self, calls: list[RunCall | DagCall], job: str, pool_sizes: AbstractSet[int]
    ) -> dict[str, Any]:
        dags = [call for call in calls if isinstance(call, DagCall)]
        limits: dict[str, Any] = {}
        bounds = sorted({call.dag.concurrency for call in dags if call.dag.concurrency} | pool_sizes)
        if bounds:
            limits["max_concurrent"] = bounds[0]
            self._report.keep(
                job, f"concurrency {bounds[0]}: at most as many notebooks at once (max_concurrent)"
            )
            if len(bounds) > 1:
                text = f"of the concurrencies {', '.join(map(str, bounds))} the lowest is taken for the whole job"
                self._report.change(job, text)
        if dags and len(dags) == len(calls):
            limits["max_runtime_seconds"] = sum(_timeout(call.dag) for call in dags)
            given = "time-out" if any(call.dag.timeout for call in dags) else "default time-out"
            text = f"{given} of the whole DAG: the job's run ends after {limits['max_runtime_seconds']:g} s"
            self._report.keep(job, text)
        else:
            for call in dags:
                if call.dag.timeout:
                    text = (
                        f"timeoutInSeconds {call.dag.timeout:g} for this DAG alone has no equal, as the job runs more; "
                        "each notebook has it as its own limit"
                    )
                    self._report.miss(job, text, call.where)
        return limits

    def _follow(self, call: RunCall | DagCall, started: dict[str, Step]) -> None:
        """Calls are made one after another: the first steps of one wait for the last ones of those before."""
        before = [step for number in call.after for step in _last(list(self._of_call[number].values()))]
        first = [step for step in started.values() if not step.after]
        if not before or not first:
            return
        names = list(dict.fromkeys(step.name for step in before))
        for step in first:
            step.after += names  # it has none so far
            text = f"starts after {', '.join(names)}, as the calls follow each other; remove these deps if it need not"
            self._report.keep(step.name, text, call.where)

    def _run(self, call: RunCall) -> dict[str, Step]:
        step = self._step(call.notebook, call.notebook, call.where, call.workspace, call.condition)
        if call.timeout is not None:
            step.options["timeout_seconds"] = call.timeout + SESSION_START_SECONDS
            self._report.change(
                step.name,
                f"the time-out of {call.timeout:g} s counted in a running session; "
                f"{SESSION_START_SECONDS:g} s for the start of an own one are added",
                call.where,
            )
        for key, value in call.args.items():
            self._argument(step, key, value, {}, call.where)
        return {call.notebook: step}

    def _dag(self, call: DagCall) -> dict[str, Step]:
        steps: dict[str, Step] = {}
        for activity in call.dag.activities:
            condition = activity.condition or call.condition
            step = self._step(activity.name, activity.notebook, activity.where, activity.workspace, condition)
            self._limits_of(step, activity, call.dag)
            steps[activity.name] = step
        for activity in call.dag.activities:
            step = steps[activity.name]
            step.after = [steps[name].name for name in activity.dependencies]
            for key, value in activity.args.items():
                self._argument(step, key, value, steps, f"{activity.where}.args.{key}")
        for gap in call.dag.gaps:
            owner = steps.get(gap.activity)
            self._report.miss(owner.name if owner else gap.activity, gap.text, gap.where)
        for problem in call.dag.problems:
            self._report.warn("DAG", problem)
        return steps

    def _step(self, name: str, path: str, where: str, workspace: str | None, condition: str | None) -> Step:
        notebook = path.strip().rstrip("/").rpartition("/")[2]
        key = self._unique(name, where)
        if notebook != path:
            self._report.change(key, f"the path {path!r} is taken for the notebook {notebook!r}", where)
        step = Step(key, where, notebook=notebook)
        if workspace:
            step.options["workspace"] = workspace
        if condition is not None:
            step.in_job = False
            text = f"runs only under a condition that is not known here, so no job runs it: {condition}"
            self._report.miss(key, text, where)
        self._steps.append(step)
        return step

    def _unique(self, name: str, where: str) -> str:
        key, number = name, 1
        while key in self._names:
            number += 1
            key = f"{name}_{number}"
        self._names.add(key)
        if key != name:
            self._report.change(key, f"a second call of {name}: an asset of its own, with this name", where)
        return key

    def _limits_of(self, step: Step, activity: Activity, dag: Dag) -> None:
        if activity.retry:
            step.options["retry"] = activity.retry
        if activity.retry_interval:
            step.options["retry_interval_seconds"] = activity.retry_interval
        if activity.timeout_per_cell is None:
            return
        step.options["timeout_per_cell_seconds"] = activity.timeout_per_cell
        text = f"{activity.timeout_per_cell:g} s for each cell: Fabric has no such limit for a job instance; "
        cells = self._count_cells(step.notebook or "")
        if cells:
            limit = min(cells * activity.timeout_per_cell + SESSION_START_SECONDS, _timeout(dag))
            step.options["timeout_seconds"] = limit
            text += f"its {cells} cells and the start of a session make timeout_seconds {limit:g}"
        else:
            text += (
                f"timeout_seconds is that of the whole DAG, {_timeout(dag):g}; set a lower one if you know it"
            )
        self._report.change(step.name, text, activity.where)

    def _count_cells(self, notebook: str) -> int | None:
        if notebook not in self._cells:
            item = self._folder.by_name("Notebook", notebook)
            content = item.content() if item is not None else None
            try:
                self._cells[notebook] = len(read_cells(content, read_text(content))) if content else None
            except ImportFileError:
                self._cells[notebook] = None
        return self._cells[notebook]

    def _argument(self, step: Step, key: str, value: Any, steps: dict[str, Step], where: str) -> None:
        if isinstance(value, ExitValueText):
            value = ExitValueOf(exit_value_of=steps[value.activity].name)
        elif isinstance(value, ExitValue):
            started = self._of_call[value.call]
            giver = (
                started.get(value.activity)
                if value.activity is not None
                else next(iter(started.values()), None)
            )
            if giver is None:
                text = f"argument {key} is left out: no activity {value.activity!r} gives an exit value"
                self._report.miss(step.name, text, where)
                return
            value = ExitValueOf(exit_value_of=giver.name)
        elif isinstance(value, Undecided):
            text = f"argument {key} is left out, its value is not known: {value.reason}"
            self._report.miss(step.name, text, value.where)
            return
        take_argument(self._report, step, key, value, where)


def _timeout(dag: Dag) -> float:
    return dag.timeout or DEFAULT_TIMEOUT_SECONDS


def _last(steps: list[Step]) -> list[Step]:
    """Those that no other of them waits for."""
    waited_for = {name for step in steps for name in step.after}
    return [step for step in steps if step.name not in waited_for]
