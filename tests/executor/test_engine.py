"""What runs beside what: limits, pools, threads, and errors that are nobody's step."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus

from fabric_assets.executor import engine
from tests.executor.running import job, run

DEADLINE_SECONDS = 120


class AtWork:
    """How many steps are at work at once; ``enough`` is set when there have been so many."""

    def __init__(self, enough: int = 1) -> None:
        self.now = 0
        self.most = 0
        self.enough = asyncio.Event()
        self._enough = enough

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.most >= self._enough:
            self.enough.set()

    def __exit__(self, *_: object) -> None:
        self.now -= 1


def counted_assets(number: int, at_work: AtWork, **options: Any) -> list[dg.AssetsDefinition]:
    """Assets that wait until enough of them have been at work at once, and then a little longer."""

    def build(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, **options)
        async def counted() -> None:
            with at_work:
                await asyncio.wait_for(at_work.enough.wait(), DEADLINE_SECONDS)
                await asyncio.sleep(0.02)

        return counted

    return [build(f"asset_{each}") for each in range(number)]


def wait_for(what: str, reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.02)


def test_five_hundred_steps_wait_side_by_side() -> None:
    waiting, threads_before = 0, threading.active_count()
    all_wait = asyncio.Event()

    def build(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        async def waits() -> dg.MaterializeResult:
            nonlocal waiting
            waiting += 1
            if waiting == 500:
                all_wait.set()
            await asyncio.wait_for(all_wait.wait(), DEADLINE_SECONDS)
            return dg.MaterializeResult()

        return waits

    assets = [build(f"asset_{number}") for number in range(500)]
    with dg.DagsterInstance.ephemeral() as instance:
        ran = run(instance, job(assets))

    assert ran.status == DagsterRunStatus.SUCCESS
    assert len(set(ran.steps(DagsterEventType.ASSET_MATERIALIZATION))) == 500
    assert threading.active_count() - threads_before < 10


def test_a_step_that_is_alone_sees_that_it_shares_its_loop(instance: dg.DagsterInstance) -> None:
    tasks = []

    @dg.asset
    async def alone() -> None:
        tasks.append(len(asyncio.all_tasks()))
        await asyncio.sleep(0.05)
        tasks.append(len(asyncio.all_tasks()))

    assert run(instance, job([alone])).status == DagsterRunStatus.SUCCESS
    assert min(tasks) > 1


def test_limits_of_the_run(instance: dg.DagsterInstance) -> None:
    at_work, tagged = AtWork(enough=2), AtWork()
    config = {"max_concurrent": 2, "tag_concurrency_limits": [{"key": "heavy", "limit": 1}]}
    assets = [
        *counted_assets(6, at_work),
        *counted_assets(3, tagged, key_prefix="heavy", op_tags={"heavy": "yes"}),
    ]

    ran = run(instance, job(assets, config))

    assert ran.status == DagsterRunStatus.SUCCESS
    assert at_work.most == 2
    assert tagged.most == 1


def test_a_pool_of_one_holds_back_its_own_steps_only(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    at_work = AtWork()

    @dg.asset
    async def free() -> None:
        await asyncio.sleep(0)

    ran = run(instance, job([*counted_assets(5, at_work, pool="narrow"), free]))

    assert ran.status == DagsterRunStatus.SUCCESS
    assert at_work.most == 1
    assert ran.steps(DagsterEventType.STEP_SUCCESS).index("free") < 2
    info = instance.event_log_storage.get_concurrency_info("narrow")
    assert (info.active_slot_count, info.pending_steps) == (0, [])


def test_a_run_waits_for_a_slot_that_another_run_holds(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("narrow", 1)
    assert storage.claim_concurrency_slot("narrow", "another-run", "its_step").is_claimed

    @dg.asset(pool="narrow")
    async def waits() -> None: ...

    def free_when_it_waits(created: dg.DagsterRun) -> None:
        def free() -> None:
            wait_for("blocked", lambda: storage.get_concurrency_info("narrow").pending_step_count)
            storage.free_concurrency_slots_for_run("another-run")

        threading.Thread(target=free).start()

    ran = run(instance, job([waits]), before=free_when_it_waits)

    assert ran.status == DagsterRunStatus.SUCCESS
    assert any("blocked by limit for pool narrow" in entry.message for entry in ran.entries)


def test_blocking_assets_do_not_hold_up_coroutines(instance: dg.DagsterInstance) -> None:
    done = threading.Event()

    @dg.asset
    def blocks() -> None:
        assert done.wait(DEADLINE_SECONDS)

    @dg.asset
    async def first() -> None:
        await asyncio.sleep(0.01)

    @dg.asset(deps=[first])
    async def second() -> None:
        await asyncio.sleep(0.01)
        done.set()

    ran = run(instance, job([blocks, first, second]))

    assert ran.status == DagsterRunStatus.SUCCESS


def test_threads_are_limited(instance: dg.DagsterInstance) -> None:
    at_work, pair = AtWork(), threading.Barrier(2)

    def build(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def blocks() -> None:
            with at_work:
                pair.wait(DEADLINE_SECONDS)

        return blocks

    ran = run(instance, job([build(f"asset_{number}") for number in range(6)], {"max_threads": 2}))

    assert ran.status == DagsterRunStatus.SUCCESS
    assert at_work.most == 2


def test_io_managers_and_resources_may_run_event_loops(instance: dg.DagsterInstance) -> None:
    class Looping(dg.ConfigurableIOManager):
        def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
            asyncio.run(asyncio.sleep(0))

        def load_input(self, context: dg.InputContext) -> Any:
            return asyncio.run(asyncio.sleep(0, result=41))

    class Connection(dg.ConfigurableResource):  # type: ignore[type-arg]
        _connection: sqlite3.Connection | None = None

        def setup_for_execution(self, context: dg.InitResourceContext) -> None:
            self._connection = sqlite3.connect(":memory:")  # only its own thread may use it

        def one(self) -> Any:
            assert self._connection is not None
            return self._connection.execute("SELECT 1").fetchone()[0]

    @dg.asset
    async def upstream(connection: Connection) -> int:
        await asyncio.sleep(0)
        return int(connection.one())

    @dg.asset
    async def downstream(upstream: int) -> int:
        await asyncio.sleep(0)
        assert upstream == 41
        return upstream

    ran = run(
        instance, job([upstream, downstream], resources={"io_manager": Looping(), "connection": Connection()})
    )

    assert ran.status == DagsterRunStatus.SUCCESS


def test_an_asset_that_exits_fails_alone(instance: dg.DagsterInstance) -> None:
    @dg.asset
    async def exits() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    @dg.asset
    def exits_in_a_thread() -> None:
        raise SystemExit(3)

    ran = run(instance, job([exits, exits_in_a_thread, *counted_assets(2, AtWork())]))

    assert ran.status == DagsterRunStatus.FAILURE
    assert set(ran.steps(DagsterEventType.STEP_FAILURE)) == {"exits", "exits_in_a_thread"}
    assert len(ran.steps(DagsterEventType.STEP_SUCCESS)) == 2


def test_an_error_of_the_executor_fails_the_run_and_cancels_its_steps(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = []

    @dg.asset
    async def waits() -> None:
        try:
            await asyncio.sleep(DEADLINE_SECONDS)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            cancelled.append("waits")
            raise

    @dg.asset
    async def when_that_waits() -> None: ...

    def is_async_step(context: Any) -> bool:
        if context.step.key == "when_that_waits":
            raise RuntimeError("the executor has a bug")
        return True

    monkeypatch.setattr(engine, "is_async_step", is_async_step)

    ran = run(instance, job([waits, when_that_waits]))

    assert cancelled == ["waits"]
    assert ran.status == DagsterRunStatus.FAILURE
    assert "the executor has a bug" in str(ran.events(DagsterEventType.RUN_FAILURE)[0].dagster_event)


def break_storage(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, broken: Callable[[dg.EventLogEntry], bool]
) -> None:
    store_event = instance.event_log_storage.store_event

    def store(event: dg.EventLogEntry) -> None:
        if broken(event):
            raise OSError("the database does not answer")
        store_event(event)

    monkeypatch.setattr(instance.event_log_storage, "store_event", store)


def test_an_event_that_cannot_be_stored_costs_its_own_step_and_not_the_others(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    told = asyncio.Event()

    @dg.asset(pool="narrow")
    async def unlucky() -> None: ...

    @dg.asset(deps=[unlucky])
    async def after_unlucky() -> None: ...

    @dg.asset
    async def waits() -> None:
        await asyncio.wait_for(told.wait(), DEADLINE_SECONDS)

    @dg.asset(deps=[waits], pool="narrow")
    async def after_waits() -> None: ...

    def broken(event: dg.EventLogEntry) -> bool:
        if "ended with an error that is not its own" in event.message:
            told.set()
        return event.step_key == "unlucky" and event.dagster_event_type in (
            DagsterEventType.STEP_SUCCESS,
            DagsterEventType.STEP_FAILURE,
        )

    break_storage(instance, monkeypatch, broken)

    ran = run(instance, job([unlucky, after_unlucky, waits, after_waits]))

    assert ran.status == DagsterRunStatus.FAILURE
    assert "the database does not answer" in str(ran.events(DagsterEventType.RUN_FAILURE)[0].dagster_event)
    assert set(ran.steps(DagsterEventType.STEP_SUCCESS)) == {"waits", "after_waits"}
    assert "after_unlucky" not in ran.steps(DagsterEventType.STEP_START)
    assert instance.event_log_storage.get_concurrency_info("narrow").active_slot_count == 0


def test_a_storage_that_is_gone_for_good_keeps_no_step_from_its_clean_up(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, cleaned_up = [], set()
    gone = threading.Event()

    def build(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        async def waits() -> None:
            at_work.append(name)
            try:
                await asyncio.sleep(DEADLINE_SECONDS)
            finally:
                await asyncio.sleep(0.05)
                cleaned_up.add(name)

        return waits

    @dg.asset
    async def last() -> None:
        while len(at_work) < 3:  # noqa: ASYNC110 -- all in one loop, with no event to share
            await asyncio.sleep(0.01)
        gone.set()

    break_storage(instance, monkeypatch, lambda _: gone.is_set())

    with pytest.raises(OSError, match="the database does not answer"):
        run(instance, job([*map(build, ("a", "b", "c")), last]))

    assert cleaned_up == {"a", "b", "c"}


def test_with_raise_on_error_the_first_error_ends_the_others(instance: dg.DagsterInstance) -> None:
    cleaned_up = []

    @dg.asset
    async def waits() -> None:
        try:
            await asyncio.sleep(DEADLINE_SECONDS)
        finally:
            await asyncio.sleep(0.01)
            cleaned_up.append("waits")

    @dg.asset
    async def broken() -> None:
        await asyncio.sleep(0.2)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(instance, job([broken, waits]), raise_on_error=True)

    assert cleaned_up == ["waits"]


def test_runs_within_a_running_event_loop_as_in_a_notebook(instance: dg.DagsterInstance) -> None:
    async def cell() -> DagsterRunStatus:
        return run(instance, job(counted_assets(2, AtWork()))).status

    assert asyncio.run(cell()) == DagsterRunStatus.SUCCESS
