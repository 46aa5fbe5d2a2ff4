"""The quota of an identity: so many calls in any minute, the urgent ones first. Minutes are short here."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from fabric_assets import FabricResource
from fabric_assets.client.quota import Urgency, quota_group
from fabric_assets.jobs.call_budget import CallBudget

MINUTE_SECONDS = 0.4


class Calls:
    """Calls made through a budget, with the times at which a service could have counted them."""

    def __init__(self, budget: CallBudget) -> None:
        self._budget = budget
        self.made: list[tuple[str, float, float]] = []

    async def make(self, name: str, urgency: Urgency = Urgency.READ, *, seconds: float = 0.0) -> None:
        async with self._budget.call("jobs", urgency):
            begin = time.monotonic()
            await asyncio.sleep(seconds)
            self.made.append((name, begin, time.monotonic()))

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.made]

    def most_in_any_minute(self) -> int:
        """The worst that a service could count: it counts a call anywhere between its begin and its answer."""
        return max(
            sum(1 for _, begin, end in self.made if begin < start + MINUTE_SECONDS and end >= start)
            for _, start, _ in self.made
        )


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_no_minute_has_more_calls_than_the_quota() -> None:
    calls = Calls(CallBudget(5, minute_seconds=MINUTE_SECONDS))

    async def work() -> None:
        await asyncio.gather(*(calls.make(str(n), seconds=0.01 * (n % 4)) for n in range(17)))

    run(work())

    assert len(calls.made) == 17
    assert calls.most_in_any_minute() <= 5


def test_the_urgent_go_first_and_equals_in_the_order_of_their_coming() -> None:
    calls = Calls(CallBudget(1, minute_seconds=0.05))

    async def work() -> None:
        await calls.make("first")
        waiting = [
            calls.make("read 1"),
            calls.make("read 2"),
            calls.make("likely end", Urgency.LIKELY_END),
            calls.make("start", Urgency.START),
        ]
        await asyncio.gather(*waiting)

    run(work())

    assert calls.names == ["first", "start", "likely end", "read 1", "read 2"]


def test_a_cancel_does_not_wait_for_the_quota() -> None:
    calls = Calls(CallBudget(1, minute_seconds=3600))

    async def work() -> None:
        await calls.make("read")
        held_back = asyncio.create_task(calls.make("another read"))
        await calls.make("cancel", Urgency.CANCEL)
        held_back.cancel()

    run(work())

    assert calls.names == ["read", "cancel"]


def test_after_a_refusal_every_call_of_the_group_waits() -> None:
    budget = CallBudget(100, minute_seconds=MINUTE_SECONDS)
    calls = Calls(budget)

    async def work() -> None:
        budget.refused("jobs", 0.2)
        before = time.monotonic()
        async with budget.call("platform", Urgency.READ):
            other_group = time.monotonic() - before
        await calls.make("cancel", Urgency.CANCEL)
        assert other_group < 0.2 <= calls.made[0][1] - before

    run(work())


def test_who_gives_up_waiting_takes_nothing() -> None:
    calls = Calls(CallBudget(1, minute_seconds=0.1))

    async def work() -> None:
        await calls.make("first")
        given_up = [asyncio.create_task(calls.make("given up")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await calls.make("second")

    run(work())

    assert calls.names == ["first", "second"]


def test_there_is_room_until_half_of_the_quota_is_used() -> None:
    budget = CallBudget(4, minute_seconds=3600)
    calls = Calls(budget)

    async def work() -> None:
        seen = []
        for n in range(4):
            seen.append(budget.has_room("jobs"))
            await calls.make(str(n))
        assert seen == [True, True, False, False]
        assert budget.has_room("platform")

    run(work())


def test_of_those_who_share_a_budget_the_most_modest_one_decides() -> None:
    budget = CallBudget(10, minute_seconds=3600)
    calls = Calls(budget)

    async def work() -> None:
        await calls.make("before")
        budget.at_most(2)
        budget.at_most(5)
        await calls.make("second")
        third = asyncio.create_task(calls.make("third"))
        await asyncio.wait({third}, timeout=0.05)
        third.cancel()

    run(work())

    assert calls.names == ["before", "second"]


def resource_budget(**fields: Any) -> CallBudget | None:
    fabric = FabricResource(api_url="https://fabric.example/v1", access_token="t", **fields)
    controlled = fabric.control()
    assert controlled is not None
    return controlled[1]._watcher._budget


def test_one_identity_has_one_budget_whatever_the_workspace_and_the_share() -> None:
    budget = resource_budget(workspace="bronze")

    assert budget is not None
    assert resource_budget(workspace="silver") is budget
    assert resource_budget(workspace="bronze", quota_share=0.5) is budget


def test_paths_belong_to_the_quota_that_fabric_counts_them_in() -> None:
    assert quota_group("/workspaces/w/items/i/jobs/instances") == "jobs"
    assert quota_group("/workspaces/w/notebooks/n/jobs/execute/instances/j") == "jobs"
    assert quota_group("/workspaces/w/spark/livySessions") == "platform"
    assert quota_group("/operations/o/result") == "operations"
