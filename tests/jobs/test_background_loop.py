"""The loop in its own thread: results, messages, cancel with clean-up, the end of the process."""

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fabric_assets.jobs import background_loop
from fabric_assets.jobs.job import Tell


def test_a_result_comes_back_to_the_thread_that_waits() -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert background_loop.call(where) == "fabric-assets-loop"


def test_an_error_comes_back_as_it_was_raised() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        background_loop.call(fail)


def test_messages_arrive_in_order_and_end_with_the_coroutine() -> None:
    async def work(tell: Tell) -> int:
        for n in range(3):
            tell(f"step {n}")
            await asyncio.sleep(0)
        return 7

    task = background_loop.submit(work)

    assert [line.text for line in task.messages()] == ["step 0", "step 1", "step 2"]
    assert task.result() == 7


def test_a_cancel_in_the_moment_in_which_a_time_limit_strikes_is_not_lost() -> None:
    at_work, limits = threading.Event(), []

    async def work(_tell: Tell) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                limits.append(limit)
                at_work.set()
                await asyncio.Event().wait()
        await asyncio.Event().wait()  # as after a wait for the next read

    task = background_loop.submit(work)
    assert at_work.wait(10)

    async def strike_and_cancel() -> None:
        loop = asyncio.get_running_loop()
        limits[0].reschedule(loop.time())
        loop.call_soon(task._cancel_in_loop)

    background_loop.call(strike_and_cancel)

    with pytest.raises(concurrent.futures.CancelledError):
        task.result(timeout_seconds=10)


def test_cancel_waits_for_the_clean_up_and_returns_what_it_told() -> None:
    started = threading.Event()

    async def work(tell: Tell) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            tell("cleaned up")

    task = background_loop.submit(work)
    assert started.wait(10)

    assert [line.text for line in task.cancel(wait_seconds=10)] == ["cleaned up"]
    with pytest.raises(concurrent.futures.CancelledError):
        task.result(0)


def test_a_task_that_is_cancelled_before_it_began_ends_too() -> None:
    async def work(_tell: Tell) -> None:
        await asyncio.Event().wait()

    task = background_loop.submit(work)
    task.cancel(wait_seconds=10)

    with pytest.raises(concurrent.futures.CancelledError):
        task.result(10)
    assert list(task.messages()) == []


def test_a_second_cancel_does_not_tear_the_clean_up_apart() -> None:
    started, cleaning = threading.Event(), threading.Event()

    async def work(tell: Tell) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.sleep(0.2)
            tell("cleaned up")

    task = background_loop.submit(work)
    assert started.wait(10)
    task.cancel(wait_seconds=0)
    assert cleaning.wait(10)

    assert [line.text for line in task.cancel(wait_seconds=10)] == ["cleaned up"]


class Terminated(BaseException):
    """What the handler of this test raises, as Dagster's raises an exception of its own."""


@pytest.fixture
def _terminable() -> Iterator[None]:
    def terminate(_number: int, _frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGINT, terminate)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_while_listening(task: background_loop.BackgroundTask[None], heard: list[str]) -> None:
    with task.interrupts_between_messages():
        for line in task.messages():
            signal.raise_signal(signal.SIGINT)
            heard.append(line.text)  # not interrupted before this


@pytest.mark.usefixtures("_terminable")
def test_a_signal_takes_effect_between_two_messages() -> None:
    go_on = threading.Event()

    async def work(tell: Tell) -> None:
        tell("first")
        await asyncio.to_thread(go_on.wait, 10)

    task = background_loop.submit(work)
    heard: list[str] = []

    with pytest.raises(Terminated):
        interrupted_while_listening(task, heard)
    go_on.set()
    task.result(10)

    assert heard == ["first"]


@pytest.mark.usefixtures("_terminable")
def test_a_signal_that_comes_with_the_last_message_is_not_lost() -> None:
    async def work(tell: Tell) -> None:
        tell("last")

    task = background_loop.submit(work)
    task.result(10)
    heard: list[str] = []

    with pytest.raises(Terminated):
        interrupted_while_listening(task, heard)

    assert heard == ["last"]


def test_open_tasks_clean_up_when_the_process_exits() -> None:
    program = """
import asyncio, threading
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.job import Tell

started = threading.Event()

async def work(tell):
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        # As for a cancel on a new connection, and its note.
        await asyncio.get_running_loop().getaddrinfo("localhost", 443)
        await asyncio.to_thread(print, "cancelled in Fabric", flush=True)

background_loop.submit(work)
started.wait(10)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "cancelled in Fabric\n"
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_loop_of_its_own() -> None:
    code = """
import os, signal
from fabric_assets.jobs import background_loop

async def work():
    return 7

assert background_loop.call(work) == 7
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(background_loop.call(work))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
