"""One Dagster server and one browser for the tests of the UI."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.ui.browser import chromium
from tests.ui.dagster_server import DagsterServer, dagster_dev


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture(scope="module")
def server(browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    """Started after the browser, which may be missing."""
    with dagster_dev(tmp_path_factory.mktemp("dagster")) as running:
        yield running


@pytest.fixture
def page(browser: BrowserContext, server: DagsterServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty tab. What it shows when a test fails is printed."""
    failed_before = request.session.testsfailed
    opened = browser.new_page()
    yield opened
    if request.session.testsfailed > failed_before:
        print(f"--- the page {opened.url}\n{opened.locator('body').inner_text()}")  # noqa: T201
        print(f"--- the end of dagster dev's output\n{server.output.read_text()[-5000:]}")  # noqa: T201
    for tab in browser.pages:
        tab.close()
