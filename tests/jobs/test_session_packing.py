"""Notebooks that share Spark sessions: at most five in one, over real HTTP too."""

import asyncio
from collections import Counter
from contextlib import ExitStack

import httpx

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.jobs.session_packing import SessionPacker
from tests.conftest import Simulate
from tests.faults.harness import run_jobs


def test_at_most_five_at_a_time_get_the_same_tag() -> None:
    packer = SessionPacker()
    with ExitStack() as stack:
        tags = [stack.enter_context(packer.tag("run", "equal")) for _ in range(12)]
        assert [tags.count(tag) for tag in dict.fromkeys(tags)] == [5, 5, 2]
        with packer.tag("run", "other settings") as other, packer.tag("other run", "equal") as another:
            assert len({*tags, other, another}) == 5
    with packer.tag("run", "equal") as first_again:
        assert first_again == tags[0]


def test_twenty_loads_pay_four_session_starts(simulate: Simulate) -> None:
    names = [f"Load{number:02}" for number in range(20)]
    fabric = simulate(notebooks=names, job_instances=[{"run_seconds": 1.5, "session_start_seconds": 0.2}])

    outcomes = asyncio.run(
        run_jobs(
            fabric,
            [
                {"notebook": name, "compute": ComputeSettings(share_session=True), "run_id": "run"}
                for name in names
            ],
        )
    )

    assert [outcome.job_instance.status for outcome in outcomes] == ["Completed"] * 20
    path = f"{fabric.url}/workspaces/{fabric.workspace_id}/spark/livySessions"
    answer = httpx.get(path, headers={"Authorization": f"Bearer {fabric.token}"}, trust_env=False)
    users = Counter(session["livyId"] for session in answer.raise_for_status().json()["value"])
    assert sorted(users.values()) == [5, 5, 5, 5]
