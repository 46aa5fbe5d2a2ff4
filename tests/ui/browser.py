"""Headless Chromium, and what a user does in Dagster's UI."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.ui.dagster_server import DEADLINE_SECONDS, DagsterServer

ASSETS = ("DimCalendar", "DimCustomer", "DimEmployee")
AROUND = ("SalesFiles", "FactSales", "CuratedSqlEndpoint", "SalesModel")
STEPS = len(ASSETS) + len(AROUND) + 1
"""The checks of a table are one more step."""
WIDTH, HEIGHT = 1440, 900

_ACTION_SECONDS = 60
_UNFOLDED_MILLISECONDS = 5000
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """Chromium of this machine with an empty profile, which reaches this machine only."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise AssertionError("The tests of the UI need Chromium: apt-get install chromium")
    expect.set_options(timeout=_ACTION_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        try:
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme="light",
                reduced_motion="reduce",
                locale="en-US",
            )
            context.set_default_timeout(_ACTION_SECONDS * 1000)
            yield context
        finally:
            browser.close()


def button(scope: Page | Locator, label: str) -> Locator:
    """A button by what is written on it; Dagster's icons have names of their own."""
    return scope.locator("button", has_text=re.compile(f"^{re.escape(label)}$"))


def dialog(page: Page, title: str) -> Locator:
    """An open dialog; menus are dialogs to Dagster too, and stay for a moment."""
    return page.locator("[role=dialog][aria-modal=true]").filter(has_text=title)


def open_asset_graph(page: Page, server: DagsterServer) -> None:
    """From the start page to the asset graph."""
    page.goto(server.url)
    page.get_by_role("link", name="Lineage").click()
    expect(page.get_by_text("dimensions", exact=True).first).to_be_visible()
    try:
        page.get_by_text(ASSETS[0], exact=True).first.wait_for(timeout=_UNFOLDED_MILLISECONDS)
    except PlaywrightTimeoutError:
        page.keyboard.press("Alt+e")  # unfolds all groups, or folds them
    for asset in (*ASSETS, *AROUND):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()


def materialize_all(page: Page, server: DagsterServer) -> str:
    """Materialize everything from the asset graph, and wait until the graph of the dimensions shows the success.

    Returns:
        The id of the run.
    """
    open_asset_graph(page, server)
    known = server.run_ids()
    button(page, "Materialize all").click()
    run_id = server.wait_for_new_run(known)
    status = server.wait_for_end(run_id)
    assert status == "SUCCESS", server.failures(run_id)
    page.goto(f"{server.url}/locations/fabric_assets/asset-groups/dimensions/lineage")
    expect(page.get_by_text("Materialized", exact=True)).to_have_count(
        len(ASSETS), timeout=DEADLINE_SECONDS * 1000
    )
    return run_id


def open_launchpad(page: Page, server: DagsterServer) -> Locator:
    """The launchpad for all assets."""
    open_asset_graph(page, server)
    button(page, "Materialize all").locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    return dialog(page, "Launchpad (configure assets)")


def open_run(page: Page, server: DagsterServer, run_id: str, *, newest: str) -> None:
    """The page of a run, when it shows an event with the text ``newest``; it starts at the end."""
    page.goto(f"{server.url}/runs/{run_id}")
    expect(page.get_by_text(newest).first).to_be_visible()


def open_metadata(page: Page, server: DagsterServer, asset: str) -> None:
    """The latest materialization of an asset with its metadata."""
    page.goto(f"{server.url}/assets/{asset}")
    page.get_by_role("tab", name="Events").click()
    expect(metadata_value(page, "fabric/job_instance_id")).to_be_visible()


def open_checks(page: Page, server: DagsterServer, asset: str) -> None:
    """The latest results of an asset's checks."""
    page.goto(f"{server.url}/assets/{asset}?view=checks")
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()


def metadata_value(page: Page, key: str) -> Locator:
    """The table cell beside a metadata key."""
    row = page.locator("tr", has=page.get_by_text(key, exact=True))
    return row.locator("td").nth(1)


def open_executed_notebook(page: Page) -> Page:
    """Follow the link of a materialization's metadata to the executed notebook, which opens a tab."""
    link = metadata_value(page, "fabric/job_instance_url").get_by_role("link").first
    with page.context.expect_page() as opened:
        link.click()
    opened.value.wait_for_load_state()
    return opened.value
