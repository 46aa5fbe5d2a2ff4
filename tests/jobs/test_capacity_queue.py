"""The queue in front of a capacity: order, sessions that are shared, what is learned from starts without room."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.jobs.capacity_queue import CapacityQueue, capacity_vcores


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


class Capacity:
    """A capacity that takes so many vCores, and jobs that come to it through a queue."""

    def __init__(self, queue: CapacityQueue, vcores: float) -> None:
        self.queue = queue
        self.vcores = vcores
        self.running = 0
        self.most = 0
        self.refused = 0
        self.let_in: list[str] = []
        self.said: list[str] = []

    def tell(self, text: str, level: int = 0) -> None:
        self.said.append(text)

    async def job(
        self,
        name: str,
        vcores: int = 8,
        seconds: float = 0.02,
        session: str | None = None,
        expected: float | None = None,
    ) -> None:
        ticket = self.queue.ticket(expected)
        while True:
            async with self.queue.place(ticket, vcores, session=session, tell=self.tell) as place:
                await asyncio.sleep(0.005)  # the service's answer
                if self.running + place.vcores > self.vcores:
                    self.refused += 1
                    self.queue.no_room(place)
                    continue
                self.let_in.append(name)
                self.running += place.vcores
                self.most = max(self.most, self.running)
                await asyncio.sleep(seconds)
                self.running -= place.vcores
                return


def test_of_those_that_came_together_the_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(
        "fabric_assets.jobs.capacity_queue.time", SimpleNamespace(monotonic=lambda: float(now[0]))
    )
    capacity = Capacity(CapacityQueue(8, 1.0), 8)

    async def work() -> None:
        jobs = []
        # "h" finds the capacity free; "i" comes later, and waits for its turn however long it takes.
        comings = [
            ("h", 1, 0),
            ("a", 20, 0),
            ("b", 60, 1),
            ("c", None, 2),
            ("d", 60, 3),
            ("e", 30, 9),
            ("i", 99, 11),
        ]
        for name, expected, at in comings:
            now[0] = at
            jobs.append(asyncio.ensure_future(capacity.job(name, expected=expected)))
            await asyncio.sleep(0)
        await asyncio.gather(*jobs)

    run(work())
    assert "".join(capacity.let_in) == "hcbdeai"
    assert [line.split(";")[0] for line in capacity.said if "position" in line] == [
        f"waits for 8 vCores at position {position} of the queue" for position in (1, 1, 1, 3, 4, 6)
    ]


def test_jobs_wait_in_order_until_their_vcores_fit() -> None:
    capacity = Capacity(CapacityQueue(20, 1.0), 20)

    async def work() -> None:
        # The small one that comes last would fit beside the first, but must not overtake.
        await asyncio.gather(capacity.job("a", 12), capacity.job("b", 12), capacity.job("c", 4))

    run(work())

    assert capacity.let_in == ["a", "b", "c"]
    assert (capacity.most, capacity.refused) == (16, 0)
    assert capacity.said[0] == (
        "waits for 12 vCores at position 1 of the queue; 12 of 20 vCores of the capacity are in use"
    )
    assert capacity.said[1].startswith("waits for 4 vCores at position 2 of the queue")
    assert capacity.said[2].startswith("has its 12 vCores after ")


def test_what_cannot_fit_is_refused_at_once() -> None:
    async def work() -> None:
        async with CapacityQueue(20, 1.0).place(0, 24):
            pass

    with pytest.raises(
        FabricConfigError, match="needs 24 vCores by its compute settings, and the capacity has 20"
    ):
        run(work())


def test_a_capacity_of_unknown_size_is_learned_and_nobody_is_forgotten() -> None:
    capacity = Capacity(CapacityQueue(None, 0.05), 64)

    async def work() -> None:
        draw = random.Random(1)
        await asyncio.gather(*(capacity.job(str(n), seconds=draw.uniform(0.05, 0.2)) for n in range(30)))

    run(work())

    assert len(capacity.let_in) == 30
    assert capacity.most == 64
    # The first round finds out, and then one more is tried from time to time.
    assert 22 <= capacity.refused < 60


def test_who_found_no_room_keeps_its_turn() -> None:
    capacity = Capacity(CapacityQueue(None, 0.05), 8)

    async def work() -> None:
        await asyncio.gather(*(capacity.job(name) for name in "abcdef"))

    run(work())

    assert capacity.let_in == list("abcdef")


def test_where_others_fill_the_capacity_one_job_asks_again_from_time_to_time() -> None:
    capacity = Capacity(CapacityQueue(None, 0.05), 0)

    async def work() -> None:
        waiting = [asyncio.create_task(capacity.job(str(n))) for n in range(10)]
        await asyncio.sleep(0.5)
        # Ten came, and since then one at a time, ever more seldom.
        assert 10 < capacity.refused <= 10 + 6
        capacity.vcores = 1000
        await asyncio.gather(*waiting)

    run(work())

    assert len(capacity.let_in) == 10


def test_notebooks_in_one_session_take_up_its_vcores_once() -> None:
    capacity = Capacity(CapacityQueue(8, 1.0), 8)

    async def work() -> None:
        jobs = [capacity.job(name, session="s", seconds=0.05) for name in "abc"]
        await asyncio.gather(*jobs, capacity.job("d"))

    run(work())

    assert capacity.let_in == list("abcd")
    assert capacity.most == 8


def test_who_gives_up_waiting_makes_room_for_the_next() -> None:
    capacity = Capacity(CapacityQueue(8, 1.0), 8)

    async def work() -> None:
        first = asyncio.create_task(capacity.job("a", seconds=0.1))
        await asyncio.sleep(0)
        given_up = asyncio.create_task(capacity.job("b"))
        last = asyncio.create_task(capacity.job("c"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(first, last)

    run(work())

    assert capacity.let_in == ["a", "c"]


def test_a_session_that_waits_itself_takes_nobody_along() -> None:
    capacity = Capacity(CapacityQueue(8, 1.0), 8)

    async def work() -> None:
        first = asyncio.create_task(capacity.job("a", seconds=0.1))
        await asyncio.sleep(0)
        sharing = [asyncio.create_task(capacity.job(name, session="s", seconds=0.05)) for name in "bc"]
        await asyncio.gather(first, *sharing)

    run(work())

    assert (capacity.let_in, capacity.most, capacity.refused) == (["a", "b", "c"], 8, 0)


def test_a_session_takes_up_its_vcores_until_its_last_notebook_has_ended() -> None:
    queue = CapacityQueue(8, 1.0)

    async def work() -> None:
        async with queue.place(queue.ticket(), 8, session="s"):
            pass
        async with AsyncExitStack() as longer:
            async with queue.place(queue.ticket(), 8, session="s"):
                await longer.enter_async_context(queue.place(queue.ticket(), 8, session="s"))
            next_one = asyncio.create_task(taken())
            done, _ = await asyncio.wait({next_one}, timeout=0.05)
            assert not done
        assert await next_one == 8

    async def taken() -> int:
        async with queue.place(queue.ticket(), 8) as place:
            return place.vcores

    run(work())


def test_a_sixth_notebook_opens_another_session() -> None:
    queue = CapacityQueue(16, 1.0)

    async def work() -> None:
        async with AsyncExitStack() as held:
            places = [
                await held.enter_async_context(queue.place(queue.ticket(), 8, session="s")) for _ in range(6)
            ]
            assert [place.vcores for place in places] == [8, 0, 0, 0, 0, 8]

    run(work())


def test_many_that_find_no_room_at_once_leave_those_that_fit_their_room() -> None:
    capacity = Capacity(CapacityQueue(None, 60.0), 400)

    async def work() -> None:
        jobs = {asyncio.create_task(capacity.job(str(n), seconds=0.2)) for n in range(120)}
        # Without a probe in time: all that is learned is learned from the first round.
        while len(jobs) > 20:
            _, jobs = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    run(work())

    assert capacity.most == 400
    assert capacity.refused == 70


@pytest.mark.parametrize(
    ("capacity", "vcores"), [("F2", 20), ("f64", 384), ("trial", 128), ("40", 40), ("", None), (None, None)]
)
def test_a_capacity_is_an_sku_or_a_number_of_vcores(capacity: str | None, vcores: int | None) -> None:
    assert capacity_vcores(capacity) == vcores


@pytest.mark.parametrize("capacity", ["F3", "0", "-8", "eight"])
def test_other_capacities_are_refused_with_those_that_there_are(capacity: str) -> None:
    with pytest.raises(FabricConfigError, match="none of the SKUs F2, F4"):
        capacity_vcores(capacity)


@pytest.mark.parametrize(
    ("settings", "vcores"),
    [
        pytest.param(ComputeSettings(), 8, id="one node"),
        pytest.param(ComputeSettings(driver_cores=4), 4, id="a small driver"),
        pytest.param(ComputeSettings(num_executors=2), 24, id="driver and executors of the node's size"),
        pytest.param(ComputeSettings(driver_cores=4, executor_cores=4, num_executors=3), 16, id="all sizes"),
        pytest.param(ComputeSettings(python_cores=2), 2, id="Python"),
    ],
)
def test_vcores_follow_from_the_compute_settings(settings: ComputeSettings, vcores: int) -> None:
    assert settings.vcores(8) == vcores
