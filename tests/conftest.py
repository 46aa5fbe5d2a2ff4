"""A simulated local Fabric over real HTTP, and a client that talks to it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fabric_assets.client.auth import StaticToken, TokenSource
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.local import ServedFabric, serve_in_thread

T = TypeVar("T")
Simulate = Callable[..., ServedFabric]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a real Fabric because of variables that are set on this machine."""
    for name in (
        "FABRIC_WORKSPACE_ID",
        "FABRIC_API_URL",
        "FABRIC_ACCESS_TOKEN",
        "FABRIC_LOCAL_HOME",
        "FABRIC_NOTEBOOK_PREFIX",
        "FABRIC_SCHEDULE_TIME",
        "FABRIC_SCHEDULE_TIMEZONE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Simulate]:
    """Start a local Fabric that simulates notebooks: ``simulate(notebooks=[...], job_instances=[...], ...)``.

    With ``with_sample`` it has the items of the shipped workspace too.
    """
    with ExitStack() as stack:

        def start(*, with_sample: bool = False, **script: Any) -> ServedFabric:
            home = tmp_path / f"fabric{len(list(tmp_path.glob('fabric*')))}"
            return stack.enter_context(serve_in_thread(home, script=script, with_sample=with_sample))

        yield start


def with_client(
    fabric: ServedFabric,
    work: Callable[[FabricClient], Awaitable[T]],
    *,
    tokens: TokenSource | None = None,
    **settings: Any,
) -> T:
    """Run ``work`` with a client of ``fabric``."""

    async def run() -> T:
        async with FabricClient(fabric.url, tokens or StaticToken(fabric.token), **settings) as client:
            return await work(client)

    return asyncio.run(run())
