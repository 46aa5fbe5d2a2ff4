"""The databases of a run stay open while it goes on: SQLite's journal is there as long as a connection is."""

import threading
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus

from fabric_assets.executor.dagster_internals import sqlite_files
from fabric_assets.executor.open_databases import databases_kept_open
from tests.executor.running import job, run


def journals(instance: dg.DagsterInstance, run_id: str) -> list[bool]:
    return [Path(f"{path}-wal").exists() for path in sqlite_files(instance, run_id)]


def test_they_are_open_between_two_events_and_closed_after_the_run(instance: dg.DagsterInstance) -> None:
    seen: list[bool] = []

    @dg.asset
    async def at_work(context: dg.AssetExecutionContext) -> None:
        context.log.info("an event")
        seen.extend(journals(context.instance, context.run.run_id))

    run_id = run(instance, job([at_work])).entries[0].run_id

    assert seen == [True, True, True]
    assert journals(instance, run_id) == [False, False, False]


def test_another_storage_is_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance, databases_kept_open(instance, "some run"):
        assert list(sqlite_files(instance, "some run")) == []


def test_a_database_that_is_not_there_is_not_made(instance: dg.DagsterInstance) -> None:
    missing = next(iter(sqlite_files(instance, "no such run")))

    with databases_kept_open(instance, "no such run"):
        assert not missing.exists()


def test_who_watches_the_run_hears_of_its_events_while_it_goes_on(instance: dg.DagsterInstance) -> None:
    heard = threading.Event()

    @dg.asset
    def at_work(context: dg.AssetExecutionContext) -> None:
        run_id = context.run.run_id

        def hear(entry: dg.EventLogEntry, _: str) -> None:
            if entry.user_message == "an event":
                heard.set()

        instance.watch_event_logs(run_id, None, hear)
        context.log.info("an event")
        assert heard.wait(30), "the UI would not show it before the run has ended"
        instance.event_log_storage.end_watch(run_id, hear)

    assert run(instance, job([at_work])).status == DagsterRunStatus.SUCCESS
