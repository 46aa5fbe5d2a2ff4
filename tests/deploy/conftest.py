"""One PostgreSQL server for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.deploy.deployment import prepared
from tests.deploy.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as started, prepared(started) as ready:
        yield ready
