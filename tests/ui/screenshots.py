"""Take the README's pictures again.

``python -m tests.ui.screenshots`` loads everything in a fresh place, opens the example's graph and writes
``docs/images/*.png``. Take them on an idle machine, else the run's chart shows the machine's load, and look at them
before you commit them.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.ui.browser import (
    STEPS,
    chromium,
    materialize_all,
    open_asset_graph,
    open_checks,
    open_executed_notebook,
    open_metadata,
    open_run,
)
from tests.ui.dagster_server import ROOT, dagster_dev

IMAGES = ROOT / "docs" / "images"
_SETTLE_MILLISECONDS = 2500
_TABLE_TOP = 620


def shoot(page: Page, name: str) -> None:
    """A picture of what is visible, after animations and toasts have gone."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(_SETTLE_MILLISECONDS)
    page.screenshot(path=IMAGES / f"{name}.png")


def show_log_only(page: Page) -> None:
    """Leave Dagster's own events out of a run's page, so that the asset's log stays."""
    page.get_by_role("button", name="Levels").click()
    page.get_by_text("event", exact=True).click()
    page.keyboard.press("Escape")


def shoot_derived_graph() -> None:
    """The graph that a component makes of a workspace's notebooks."""
    with (
        chromium() as browser,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path,
        dagster_dev(Path(path), project=ROOT / "examples" / "shop") as server,
    ):
        page = browser.new_page()
        page.goto(f"{server.url}/asset-groups")
        expect(page.get_by_text("reports", exact=True).first).to_be_visible()
        page.keyboard.press("Alt+e")  # all groups
        expect(page.get_by_text("SalesByCity", exact=True).first).to_be_visible()
        shoot(page, "derived-graph")


def shoot_warehouse() -> None:
    """Load everything in a fresh place, and look at the result."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with chromium() as browser, folder as path, dagster_dev(Path(path)) as server:
        page = browser.new_page()
        run_id = materialize_all(page, server)

        open_asset_graph(page, server)
        shoot(page, "asset-graph")

        open_run(page, server, run_id, newest="RUN_SUCCESS")
        expect(page.get_by_text(f"Succeeded ({STEPS})")).to_be_visible()
        show_log_only(page)
        shoot(page, "run")

        open_checks(page, server, "FactSales")
        page.get_by_text("unique_keys", exact=True).first.click()
        shoot(page, "checks")

        open_metadata(page, server, "DimCustomer")
        shoot(page, "metadata")

        executed = open_executed_notebook(page)
        table = executed.locator("table").first
        table.evaluate("(table, top) => scrollBy(0, table.getBoundingClientRect().top - top)", _TABLE_TOP)
        shoot(executed, "executed-notebook")


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    shoot_derived_graph()
    shoot_warehouse()
