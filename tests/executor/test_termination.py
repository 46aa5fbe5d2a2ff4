"""Terminating a run: all steps are cancelled at once, and clean up before the run ends."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from fabric_assets.executor import engine
from tests.executor.running import Ran, job, run

DEADLINE_SECONDS = 120
STEPS = 20


def wait_for(what: str, reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.02)


class Waiting:
    """Assets that wait until they are cancelled, and whose clean-up is only through when all of them clean up."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.all_clean = asyncio.Event()
        self.started: set[str] = set()
        self.cleaning: set[str] = set()
        self.cleaned: set[str] = set()

    def assets(self, **options: Any) -> list[dg.AssetsDefinition]:
        def build(name: str) -> dg.AssetsDefinition:
            @dg.asset(name=name, **options)
            async def waits() -> None:
                self.started.add(name)
                try:
                    await asyncio.sleep(DEADLINE_SECONDS)
                finally:
                    self.cleaning.add(name)
                    if len(self.cleaning) == self.number:
                        self.all_clean.set()
                    await asyncio.wait_for(self.all_clean.wait(), DEADLINE_SECONDS)
                    self.cleaned.add(name)

            return waits

        return [build(f"waits_{number}") for number in range(self.number)]

    def all_started(self) -> bool:
        return len(self.started) == self.number


def terminate_when(
    reached: Callable[[], Any], instance: dg.DagsterInstance, signals: tuple[signal.Signals, ...]
) -> Callable[[dg.DagsterRun], None]:
    """Once ``reached()``, terminate the run as Dagster's launchers do: mark it, then interrupt its process."""

    def before(created: dg.DagsterRun) -> None:
        def send() -> None:
            wait_for("at work", reached)
            instance.report_run_canceling(created)
            for number in signals:
                os.kill(os.getpid(), number)
                time.sleep(0.02)

        threading.Thread(target=send).start()

    return before


def interrupted_steps(ran: Ran) -> set[str]:
    return {
        str(entry.step_key)
        for entry in ran.events(DagsterEventType.STEP_FAILURE)
        if "INTERRUPT" in str(entry.get_dagster_event().step_failure_data.error_source)
    }


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As in a run worker, and as they were afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    after = {number: signal.getsignal(number) for number in before}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after[signal.SIGINT] == before[signal.SIGINT]


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param((signal.SIGINT,), id="SIGINT"),
        pytest.param((signal.SIGTERM,), id="SIGTERM"),
        pytest.param((signal.SIGINT, signal.SIGTERM, signal.SIGINT), id="several"),
    ],
)
def test_all_waiting_steps_are_cancelled_at_once(
    instance: dg.DagsterInstance, signals: tuple[signal.Signals, ...]
) -> None:
    waiting = Waiting(STEPS)

    @dg.asset(deps=["waits_0"])
    async def never() -> None: ...

    ran = run(
        instance,
        job([*waiting.assets(), never]),
        before=terminate_when(waiting.all_started, instance, signals),
    )

    assert waiting.cleaned == waiting.started
    assert ran.status == DagsterRunStatus.CANCELED
    assert interrupted_steps(ran) == waiting.started
    assert ran.steps(DagsterEventType.STEP_START).count("never") == 0


def test_the_clean_up_of_a_step_with_retries_is_not_a_new_try(instance: dg.DagsterInstance) -> None:
    waiting = Waiting(2)

    ran = run(
        instance,
        job(waiting.assets(retry_policy=dg.RetryPolicy(max_retries=3))),
        before=terminate_when(waiting.all_started, instance, (signal.SIGINT,)),
    )

    assert waiting.cleaned == waiting.started
    assert ran.status == DagsterRunStatus.CANCELED
    assert len(ran.steps(DagsterEventType.STEP_START)) == 2


def test_a_step_that_completes_although_it_is_cancelled_succeeds(instance: dg.DagsterInstance) -> None:
    started = threading.Event()

    @dg.asset
    async def completes() -> dg.MaterializeResult:
        started.set()
        try:
            await asyncio.sleep(DEADLINE_SECONDS)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        return dg.MaterializeResult()

    @dg.asset
    async def generates() -> Any:
        try:
            await asyncio.sleep(DEADLINE_SECONDS)
        except asyncio.CancelledError:
            yield dg.MaterializeResult()
            await asyncio.sleep(DEADLINE_SECONDS)

    ran = run(
        instance,
        job([completes, generates]),
        before=terminate_when(started.is_set, instance, (signal.SIGINT,)),
    )

    assert ran.status == DagsterRunStatus.CANCELED
    assert ran.steps(DagsterEventType.STEP_SUCCESS) == ["completes"]
    assert set(ran.steps(DagsterEventType.ASSET_MATERIALIZATION)) == {"completes", "generates"}
    assert interrupted_steps(ran) == {"generates"}


def test_blocking_steps_are_interrupted_between_two_calls(instance: dg.DagsterInstance) -> None:
    started = threading.Event()
    cleaned_up = []

    @dg.asset
    def polls(context: dg.AssetExecutionContext) -> None:
        started.set()
        try:
            for _ in range(DEADLINE_SECONDS * 100):
                context.log.info("still running")
                time.sleep(0.01)
        except dg.DagsterExecutionInterruptedError:
            context.log.info("cancelled the remote job")
            cleaned_up.append("polls")
            raise

    @dg.asset
    def waits_for_a_thread() -> None: ...

    ran = run(
        instance,
        job([polls, waits_for_a_thread], {"max_threads": 1}),
        before=terminate_when(started.is_set, instance, (signal.SIGINT,)),
    )

    assert cleaned_up == ["polls"]
    assert ran.status == DagsterRunStatus.CANCELED
    assert interrupted_steps(ran) == {"polls"}
    assert "waits_for_a_thread" not in ran.steps(DagsterEventType.STEP_START)
    assert any(entry.user_message == "cancelled the remote job" for entry in ran.entries)


def test_a_blocking_step_that_cleans_up_is_waited_for(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BLOCKED_SECONDS", 0.2)
    started = threading.Event()

    @dg.asset
    def polls(context: dg.AssetExecutionContext) -> None:
        started.set()
        try:
            for _ in range(DEADLINE_SECONDS * 100):
                time.sleep(0.01)
        finally:
            time.sleep(1.0)  # as until a remote job is confirmed to be cancelled
            context.log.info("cancelled the remote job")

    ran = run(instance, job([polls]), before=terminate_when(started.is_set, instance, (signal.SIGINT,)))

    assert ran.status == DagsterRunStatus.CANCELED
    assert interrupted_steps(ran) == {"polls"}
    assert any(entry.user_message == "cancelled the remote job" for entry in ran.entries)


def test_steps_that_do_not_end_are_left_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CLEAN_UP_SECONDS", 0.3)
    monkeypatch.setattr(engine, "BLOCKED_SECONDS", 0.2)
    instance.event_log_storage.set_concurrency_slots("narrow", 2)
    release = threading.Event()
    at_work = []

    @dg.asset(pool="narrow")
    def blocks() -> None:
        at_work.append("blocks")
        release.wait(DEADLINE_SECONDS)

    @dg.asset(pool="narrow")
    async def stubborn() -> None:
        at_work.append("stubborn")
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    ran = run(
        instance,
        job([blocks, stubborn]),
        before=terminate_when(lambda: len(at_work) == 2, instance, (signal.SIGINT,)),
    )
    release.set()

    assert ran.status == DagsterRunStatus.CANCELED
    assert interrupted_steps(ran) == {"stubborn"}
    assert any("are left alone: blocks, stubborn" in entry.message for entry in ran.entries)
    # Other runs need not wait for them until a person frees their slots.
    assert instance.event_log_storage.get_concurrency_info("narrow").active_slot_count == 0


@pytest.mark.parametrize("waits_for", ["a retry", "a slot of a pool"])
def test_a_run_whose_steps_all_wait_is_terminated_at_once(
    instance: dg.DagsterInstance, waits_for: str
) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("narrow", 1)
    pool = None
    if waits_for == "a slot of a pool":
        pool = "narrow"
        assert storage.claim_concurrency_slot("narrow", "another-run", "its_step").is_claimed

    @dg.asset(pool=pool, retry_policy=dg.RetryPolicy(max_retries=1, delay=DEADLINE_SECONDS))
    async def waits() -> None:
        raise ValueError("not yet")

    def reached() -> bool:
        (created,) = instance.get_runs()
        up_for_retry = instance.all_logs(created.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY)
        return bool(up_for_retry or storage.get_concurrency_info("narrow").pending_step_count)

    ran = run(instance, job([waits]), before=terminate_when(reached, instance, (signal.SIGINT,)))

    assert ran.status == DagsterRunStatus.CANCELED
    info = storage.get_concurrency_info("narrow")
    assert {claimed.run_id for claimed in [*info.claimed_slots, *info.pending_steps]} <= {"another-run"}


def test_an_interruption_that_nobody_asked_for_fails_the_run(instance: dg.DagsterInstance) -> None:
    waiting = Waiting(2)

    def before(_: dg.DagsterRun) -> None:
        def send() -> None:
            wait_for("at work", waiting.all_started)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=send).start()

    ran = run(instance, job(waiting.assets()), before=before)

    assert waiting.cleaned == waiting.started
    assert ran.status == DagsterRunStatus.FAILURE


def test_who_stops_asking_for_events_cancels_the_steps(instance: dg.DagsterInstance) -> None:
    waiting = Waiting(3)
    made = job(waiting.assets())
    created = instance.create_run_for_job(made)

    events = iter(execute_run_iterator(InMemoryJob(made), created, instance))
    for event in events:
        if event.event_type == DagsterEventType.STEP_START:
            break
    wait_for("at work", waiting.all_started)
    events.close()  # type: ignore[attr-defined]

    assert waiting.cleaned == waiting.started
    assert "fabric-executor" not in {thread.name for thread in threading.enumerate()}


def test_a_run_worker_is_terminated(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    definitions = Path(__file__).parent / "terminated_definitions.py"
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "job", "execute", "-f", str(definitions), "-j", "wait"],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "MARKERS": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for("at work", lambda: len(list(tmp_path.glob("started_*"))) == STEPS or process.poll())
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            (created,) = instance.get_runs()
            instance.report_run_canceling(created)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=DEADLINE_SECONDS)
            assert len(list(tmp_path.glob("cleaned_*"))) == STEPS, output
            assert Ran(instance, created.run_id).status == DagsterRunStatus.CANCELED, output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
