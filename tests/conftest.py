"""A simulated local Fabric over real HTTP, and a client that talks to it."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest

from fabric_assets import FabricResource
from fabric_assets.client.auth import StaticToken, TokenSource
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.local import ServedFabric, serve_in_thread

T = TypeVar("T")
Simulate = Callable[..., ServedFabric]


def pytest_configure() -> None:
    """A shell lets what it runs in the background ignore SIGINT; so would the tests, and all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a real Fabric because of variables that are set on this machine."""
    for name in list(os.environ):
        if name.startswith("FABRIC_"):
            monkeypatch.delenv(name)


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Simulate]:
    """Start a local Fabric that simulates: ``simulate(notebooks=[...], items=[...], job_instances=[...], ...)``.

    The names are those of ``fabric_assets.local.script.Script``: ``sql_refreshes``, ``model_refreshes``, ``factories``,
    ``pipeline_runs``, ``service``, ``faults`` are others.

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


def resource(fabric: ServedFabric, **fields: Any) -> FabricResource:
    """The Fabric resource for ``fabric``, with short waits."""
    settings = {"poll_seconds": 0.02, "cancel_timeout_seconds": 10.0, "capacity_wait_seconds": 0.1, **fields}
    return FabricResource(
        workspace=fabric.workspace_id, api_url=fabric.url, access_token=fabric.token, **settings
    )


def materialize(
    assets: dg.AssetsDefinition | list[dg.AssetsDefinition],
    fabric: ServedFabric,
    *,
    fields: dict[str, Any] | None = None,
    **options: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize assets in this process; a failure is a result, not an exception."""
    definitions = assets if isinstance(assets, list) else [assets]
    return dg.materialize(
        definitions,
        resources={"fabric": resource(fabric, **(fields or {}))},
        raise_on_error=False,
        **options,
    )
