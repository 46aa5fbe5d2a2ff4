"""Take the README's pictures again: ``python -m tests.ui.screenshots`` writes them to ``docs/images``."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.ui.browser import (
    chromium,
    materialize_all,
    metadata_value,
    open_asset_graph,
    open_executed_notebook,
    open_metadata,
    open_run,
)
from tests.ui.dagster_server import dagster_dev

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
_SETTLE_MILLISECONDS = 2500


def shoot(page: Page, name: str) -> None:
    """A picture of what is visible, after animations and toasts have gone."""
    page.wait_for_timeout(_SETTLE_MILLISECONDS)
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Load the dimensions in a fresh place, and look at the result."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, dagster_dev(Path(folder)) as server:
        page = browser.new_page()
        run_id = materialize_all(page, server)
        open_asset_graph(page, server)
        shoot(page, "asset-graph")
        open_run(page, server, run_id, newest="RUN_SUCCESS")
        expect(page.get_by_text("Succeeded (3)")).to_be_visible()
        shoot(page, "run")
        open_metadata(page, server, "DimCustomer")
        metadata_value(page, "fabric/job_instance_id").scroll_into_view_if_needed()
        shoot(page, "metadata")
        shoot(open_executed_notebook(page), "executed-notebook")


if __name__ == "__main__":
    main()
