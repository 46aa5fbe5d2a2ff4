"""How far each asset of a run is, from the run's events."""

import logging
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import dagster as dg

from fabric_assets.client.transport import GUID
from fabric_assets.materialization import JOB_INSTANCE_ID

AssetState = Literal[
    "waiting",
    "queued",
    "running",
    "retrying",
    "materialized",
    "observed",
    "failed",
    "cancelled",
    "skipped",
    "not run",
]

_JOB_INSTANCE = re.compile(rf"job instance ({GUID.pattern})")
_ASKED_TO_CANCEL = re.compile(rf"asked Fabric to cancel job instance ({GUID.pattern})")
_STATUS = re.compile(rf"job instance {GUID.pattern} is (\w+)")
_SAID_BY_DAGSTER = "Dependencies for step "  # the assets that are not run are told in our way
_INTERRUPTIONS = {"CancelledError", "DagsterExecutionInterruptedError", "KeyboardInterrupt"}
_SUCCEEDED: frozenset[AssetState] = frozenset({"materialized", "observed"})
_ENDED: frozenset[AssetState] = _SUCCEEDED | {"failed", "cancelled", "skipped", "not run"}


@dataclass
class AssetProgress:
    """One asset.

    Attributes:
        text: what it said last, or what became of it.
        job_instance_id: the job instance that it started last; ``status``: the last status that was seen.
        began: seconds since 1970 of its first start; ``ended``: of its end.
        rows: rows of its table, if that is known.
        is_source: nothing materializes it here, its step observes it.
    """

    name: str
    parents: tuple[str, ...] = ()
    is_source: bool = False
    state: AssetState = "queued"
    text: str = ""
    job_instance_id: str = ""
    status: str = ""
    began: float | None = None
    ended: float | None = None
    rows: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in _ENDED

    def seconds(self, now: float) -> float | None:
        """How long it has run; ``None`` before its start."""
        return None if self.began is None else max(0.0, (self.ended or now) - self.began)


@dataclass(frozen=True)
class ProgressLine:
    """Something that happened, for who reads lines. ``is_warning`` is what should not be overlooked."""

    at: float
    asset: str
    text: str
    is_warning: bool = False


@dataclass
class RunProgress:
    """All assets of a run.

    Attributes:
        assets: by name, in the order in which they are shown.
        cancelled: job instances that Fabric was asked to cancel.
        failures: what failed, with the whole reason: of assets, of checks, of the run itself.
    """

    assets: dict[str, AssetProgress]
    cancelled: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    status: str = ""
    _steps: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, parents: Mapping[str, Iterable[str]], sources: Container[str] = ()) -> "RunProgress":
        """A run that has not begun: each asset with those that come before it; ``sources`` are only observed."""
        return cls(
            {
                name: AssetProgress(name, tuple(sorted(before)), name in sources)
                for name, before in parents.items()
            }
        )

    def take(self, entry: dg.EventLogEntry) -> list[ProgressLine]:
        """Take an event in.

        Returns:
            What a reader of lines should hear of it.
        """
        event = entry.dagster_event
        if event is None:
            return self._log_line(entry)
        kinds = dg.DagsterEventType
        if event.event_type == kinds.ASSET_MATERIALIZATION_PLANNED and event.asset_key is not None:
            names = self._steps.setdefault(event.step_key or "", [])
            if (name := event.asset_key.to_user_string()) not in names:  # it is planned for each partition
                names.append(name)
            return []
        assets = [
            self.assets[name] for name in self._steps.get(event.step_key or "", ()) if name in self.assets
        ]
        match event.event_type:
            case kinds.STEP_START:
                return self._started(entry, assets)
            case kinds.STEP_UP_FOR_RETRY:
                data = event.step_retry_data
                wait = f" in {data.seconds_to_wait:g} s" if data.seconds_to_wait else ""
                error = data.error.cause or data.error if data.error else None
                # The class of Dagster that carries the reason says nothing.
                reason = re.sub(r"^dagster[\w.]+: ", "", error.message) if error else ""
                return self._set(
                    entry, assets, "retrying", f"retries{wait}: {_one_line(reason)}", warning=True
                )
            case kinds.STEP_RESTARTED:
                return self._set(entry, assets, "running", "started again")
            case kinds.ASSET_MATERIALIZATION:
                return self._materialized(entry)
            case kinds.STEP_SUCCESS:
                return self._succeeded(entry, assets)
            case kinds.STEP_FAILURE:
                return self._failed(entry, assets)
            case kinds.STEP_SKIPPED:
                return self._set(
                    entry, assets, "skipped", "skipped: what comes before it did not succeed", warning=True
                )
            case kinds.ASSET_CHECK_EVALUATION:
                return self._checked(entry)
            case kinds.RUN_SUCCESS | kinds.RUN_FAILURE | kinds.RUN_CANCELED:
                return self._run_ended(entry)
        return []

    def waits_for(self, asset: AssetProgress) -> list[str]:
        """The assets that it still waits for."""
        return [name for name in asset.parents if name in self.assets and not self.assets[name].has_ended]

    def count(self, state: AssetState) -> int:
        """How many assets are in a state."""
        return sum(asset.state == state for asset in self.assets.values())

    def _log_line(self, entry: dg.EventLogEntry) -> list[ProgressLine]:
        text = _one_line(entry.user_message)
        names = self._steps.get(entry.step_key or "", ())
        level = int(entry.level)
        if not text or level < logging.INFO or text.startswith(_SAID_BY_DAGSTER):
            return []
        if found := _ASKED_TO_CANCEL.search(text):
            self.cancelled.append(found[1])
        for name in names:
            if (asset := self.assets.get(name)) is None:
                continue
            if found := _JOB_INSTANCE.search(text):
                asset.job_instance_id = found[1]
            if found := _STATUS.search(text):
                asset.status = found[1]
            if not asset.has_ended:
                asset.text = text
        return [ProgressLine(entry.timestamp, ", ".join(names), text, level >= logging.WARNING)]

    def _started(self, entry: dg.EventLogEntry, assets: list[AssetProgress]) -> list[ProgressLine]:
        for asset in assets:
            asset.began = asset.began or entry.timestamp
        return self._set(entry, assets, "running", "")

    def _materialized(self, entry: dg.EventLogEntry) -> list[ProgressLine]:
        materialization = entry.asset_materialization
        if (
            materialization is None
            or (asset := self.assets.get(materialization.asset_key.to_user_string())) is None
        ):
            return []
        rows = getattr(materialization.metadata.get("dagster/row_count"), "value", None)
        asset.rows = rows if isinstance(rows, int) else None
        job_instance_id = getattr(materialization.metadata.get(JOB_INSTANCE_ID), "value", None)
        asset.job_instance_id = str(job_instance_id or asset.job_instance_id)
        return []

    def _succeeded(self, entry: dg.EventLogEntry, assets: list[AssetProgress]) -> list[ProgressLine]:
        lines = []
        for asset in assets:
            asset.ended = entry.timestamp
            state: AssetState = "observed" if asset.is_source else "materialized"
            plural = "" if asset.rows == 1 else "s"
            rows = f", {asset.rows:,} row{plural}" if asset.rows is not None else ""
            text = f"{state} in {asset.seconds(entry.timestamp) or 0:.0f} s{rows}"
            lines += self._set(entry, [asset], state, text)
        return lines

    def _failed(self, entry: dg.EventLogEntry, assets: list[AssetProgress]) -> list[ProgressLine]:
        event = entry.dagster_event
        data = event.step_failure_data if event is not None else None
        user = data.user_failure_data if data is not None else None
        error = data.error if data is not None else None
        while user is None and error is not None and error.cause is not None:
            error = error.cause
        if error is not None and user is None and (error.cls_name or "").rpartition(".")[2] in _INTERRUPTIONS:
            return self._set(entry, assets, "cancelled", "cancelled")
        reason = (user.description if user else None) or (error.message if error else "") or "failed"
        for asset in assets:
            asset.ended = entry.timestamp
        names = ", ".join(asset.name for asset in assets) or entry.step_key or ""
        if assets or not any(names in failure for failure in self.failures):
            self.failures.append(f"{names}: {reason.strip()}")
        return self._set(entry, assets, "failed", f"failed: {_one_line(reason)}", warning=True)

    def _checked(self, entry: dg.EventLogEntry) -> list[ProgressLine]:
        event = entry.dagster_event
        result = event.asset_check_evaluation_data if event is not None else None
        if result is None or result.passed:
            return []
        name = result.asset_key.to_user_string()
        detail = f": {result.description}" if result.description else ""
        text = f"check {result.check_name} failed ({result.severity.value}){detail}"
        self.failures.append(f"{name}: {text}")
        return [ProgressLine(entry.timestamp, name, text, is_warning=True)]

    def _run_ended(self, entry: dg.EventLogEntry) -> list[ProgressLine]:
        event = entry.dagster_event
        assert event is not None  # noqa: S101 -- the caller looked
        self.status = event.event_type.value.removeprefix("PIPELINE_")
        for asset in self.assets.values():
            if not asset.has_ended:
                asset.state = "not run" if asset.began is None else "failed"
                asset.ended = entry.timestamp
                before = [
                    name
                    for name in asset.parents
                    if name in self.assets and self.assets[name].state not in _SUCCEEDED
                ]
                if asset.state == "not run":
                    asset.text = f"not run, as {', '.join(before)} did not succeed" if before else "not run"
        data = event.job_failure_data if event.event_type == dg.DagsterEventType.RUN_FAILURE else None
        if data is not None and data.error is not None and not self.failures:
            self.failures.append(f"the run: {data.error.message.strip()}")
        return []

    @staticmethod
    def _set(
        entry: dg.EventLogEntry,
        assets: list[AssetProgress],
        state: AssetState,
        text: str,
        *,
        warning: bool = False,
    ) -> list[ProgressLine]:
        for asset in assets:
            asset.state = state
            asset.text = text
            if state in _ENDED:
                asset.ended = asset.ended or entry.timestamp
        return [ProgressLine(entry.timestamp, asset.name, text or state, warning) for asset in assets]


def _one_line(text: str) -> str:
    return " ".join(text.split())
