"""A local Fabric in a thread."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from local_api import Api

from fabric_assets.local import serve_in_thread


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Start a local Fabric with the arguments of ``serve_in_thread``; its home is ``tmp_path / "home"``."""
    with ExitStack() as stack:

        def start(home: Path = tmp_path / "home", **settings: Any) -> Api:
            fabric = stack.enter_context(serve_in_thread(home, **settings))
            return stack.enter_context(Api(fabric))

        yield start


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One simulation with the notebook ``Orders`` for all tests of a module that leave nothing behind."""
    home = tmp_path_factory.mktemp("shared") / "home"
    with serve_in_thread(home, script={"notebooks": ["Orders"]}) as fabric, Api(fabric) as api:
        yield api


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    """A simulation with two notebooks that complete at once."""
    return serve(script={"notebooks": ["Orders", "Customers"]})
