"""The main job in Dagster's UI, driven in a browser: real server, real local Fabric, real notebooks."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.ui.browser import (
    ASSETS,
    STEPS,
    button,
    dialog,
    materialize_all,
    metadata_value,
    open_checks,
    open_executed_notebook,
    open_launchpad,
    open_metadata,
    open_run,
)
from tests.ui.dagster_server import DagsterServer, wait_for

NEVER_ENDING_NOTEBOOK = """# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   }
# META }

# PARAMETERS CELL ********************

recreate = False

# CELL ********************

import time

while True:
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def success(browser: BrowserContext, server: DagsterServer) -> str:
    """The run that "Materialize all" has launched."""
    page = browser.new_page()
    try:
        return materialize_all(page, server)
    finally:
        page.close()


@pytest.fixture
def never_ending(server: DagsterServer, success: str) -> Iterator[str]:
    """The notebook of DimCalendar, with an endless loop in the place of its cells."""
    source = server.notebook_source("AquaVilla_LoadDimCalendar")
    before = source.read_text()
    source.write_text(NEVER_ENDING_NOTEBOOK)
    yield "AquaVilla_LoadDimCalendar"
    source.write_text(before)


def test_materialize_all_runs_every_notebook(success: str, server: DagsterServer, page: Page) -> None:
    open_run(page, server, success, newest="RUN_SUCCESS")

    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    expect(page.get_by_text(f"Succeeded ({STEPS})")).to_be_visible()
    for asset in ASSETS:
        assert [job["status"] for job in server.job_instances(f"AquaVilla_Load{asset}")] == ["Completed"]


@pytest.mark.parametrize("asset", ASSETS)
def test_a_materialization_leads_to_its_job_instance(
    success: str, server: DagsterServer, page: Page, asset: str
) -> None:
    notebook = f"AquaVilla_Load{asset}"
    [job_instance] = server.job_instances(notebook)
    open_metadata(page, server, asset)

    expect(metadata_value(page, "fabric/job_instance_id")).to_have_text(job_instance["id"])
    expect(metadata_value(page, "fabric/notebook")).to_have_text(notebook)
    expect(metadata_value(page, "dagster/row_count")).to_have_text(re.compile(r"^[1-9]\d*$"))

    executed = open_executed_notebook(page)

    expect(executed).to_have_title(notebook)
    expect(executed.get_by_role("heading", name=notebook)).to_be_visible()
    expect(executed.locator("body")).to_contain_text(job_instance["id"])
    for line in first_lines(server, job_instance["id"]):
        expect(executed.locator("body")).to_contain_text(line)


@pytest.mark.parametrize(
    ("asset", "key", "value"),
    [
        ("SalesFiles", "fabric/pipeline", "AquaVilla_IngestSales"),
        ("FactSales", "dagster/row_count", "450"),
        ("CuratedSqlEndpoint", "fabric/failed_table_count", "0"),
        ("SalesModel", "fabric/semantic_model", "AquaVilla_Sales"),
    ],
)
def test_what_is_around_the_notebooks_tells_of_itself(
    success: str, server: DagsterServer, page: Page, asset: str, key: str, value: str
) -> None:
    page.goto(f"{server.url}/assets/{asset}")
    page.get_by_role("tab", name="Events").click()

    expect(metadata_value(page, key)).to_have_text(value)


def test_the_checks_of_the_fact_have_passed(success: str, server: DagsterServer, page: Page) -> None:
    open_checks(page, server, "FactSales")

    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(3)
    for check in ("table_not_empty", "unique_keys", "row_count_in_bounds"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()


def test_arguments_are_typed_fields_of_the_launchpad(server: DagsterServer, page: Page) -> None:
    launchpad = open_launchpad(page, server)
    argument = launchpad.locator(".CodeMirror-line", has_text="recreate").first
    expect(argument).to_have_text(re.compile(r"recreate: false$"))

    argument.click()

    expect(launchpad).to_contain_text("recreate?: Bool")

    page.keyboard.press("End")
    for _ in "false":
        page.keyboard.press("Backspace")
    page.keyboard.type("7")

    expect(launchpad).to_contain_text("Invalid scalar at path root:ops:DimCalendar:config:recreate")
    expect(button(launchpad, "Materialize")).to_be_disabled()


def test_terminating_a_run_cancels_the_job_instance(
    never_ending: str, server: DagsterServer, page: Page
) -> None:
    earlier = {job["id"] for job in server.job_instances(never_ending)}
    known = server.run_ids()
    page.goto(f"{server.url}/assets/DimCalendar")
    button(page, "Materialize").click()
    run_id = server.wait_for_new_run(known)
    wait_for(
        "the notebook runs",
        lambda: any(
            job["status"] == "InProgress"
            for job in server.job_instances(never_ending)
            if job["id"] not in earlier
        ),
    )

    open_run(page, server, run_id, newest="is InProgress")
    button(page, "Terminate").click()
    button(dialog(page, "Terminate runs"), "Terminate 1 run").click()

    assert server.wait_for_end(run_id) == "CANCELED"
    expect(page.get_by_text("Canceled", exact=True).first).to_be_visible()
    expect(page.locator("body")).to_contain_text("asked Fabric to cancel job instance")
    statuses = [job["status"] for job in server.job_instances(never_ending) if job["id"] not in earlier]
    assert statuses == ["Cancelled"]


def test_the_token_is_nowhere(success: str, server: DagsterServer, page: Page) -> None:
    token = server.fabric().token
    shown = []
    page.goto(f"{server.url}/locations/fabric_assets/resources/fabric")
    expect(page.get_by_text("access_token", exact=True)).to_be_visible()
    shown.append(page.content())
    open_run(page, server, success, newest="RUN_SUCCESS")
    shown.append(page.content())
    shown.append(json.dumps(resource_details(server)))
    shown += [json.dumps(server.events(run_id)) for run_id in server.run_ids()]

    assert [text for text in shown if token in text] == []

    # Run config, snapshots, events, captured logs: whatever Dagster keeps lies in these files.
    [job_instance] = server.job_instances("AquaVilla_LoadDimCustomer")
    kept = [path for path in server.dagster_home.rglob("*") if path.is_file()]
    assert any(job_instance["id"].encode() in path.read_bytes() for path in kept)
    assert [path for path in [*kept, server.output] if token.encode() in path.read_bytes()] == []


def first_lines(server: DagsterServer, job_instance_id: str) -> list[str]:
    """The first line of each code cell of an executed notebook."""
    executed = json.loads((server.fabric_home.job_instance(job_instance_id) / "notebook.ipynb").read_text())
    sources = ["".join(cell["source"]).strip() for cell in executed["cells"] if cell["cell_type"] == "code"]
    assert len(sources) > 3
    return [source.splitlines()[0] for source in sources if source]


def resource_details(server: DagsterServer) -> dict[str, object]:
    """What the UI is told about the resource."""
    details: dict[str, object] = server.graphql(
        """{ topLevelResourceDetailsOrError(resourceSelector: {
               repositoryLocationName: "fabric_assets", repositoryName: "__repository__", resourceName: "fabric"
             }) { ... on ResourceDetails { name description
               configFields { name description defaultValueAsJson } configuredValues { key value type } } } }"""
    )["topLevelResourceDetailsOrError"]
    assert details["name"] == "fabric"
    return details
