"""The pipeline in docs/moving-from-pipelines.md launches a job of a real Dagster and sees its end."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Simulate
from tests.docs.pages import ROOT, blocks
from tests.ui.dagster_server import DEADLINE_SECONDS, dagster_dev

POLL_SECONDS = 0.5


class Pipeline:
    """Runs the page's activities as Data Factory does, as far as they go, and without its waits."""

    def __init__(self, definition: dict[str, Any], **parameters: str) -> None:
        self.activities = definition["properties"]["activities"]
        self.known: dict[str, Any] = {
            f"pipeline().parameters.{name}": value for name, value in parameters.items()
        }
        self.known["pipeline().RunId"] = "4711"
        for name, variable in definition["properties"]["variables"].items():
            self.known[f"variables('{name}')"] = variable["defaultValue"]

    def run(self, activities: list[dict[str, Any]] | None = None) -> None:
        for activity in self.activities if activities is None else activities:
            getattr(self, f"_{activity['type'].lower()}")(activity["name"], activity["typeProperties"])

    def value(self, expression: str) -> Any:
        """An expression's value; ``@{...}`` inside of a text too."""
        if not expression.startswith("@") or expression.startswith("@{"):
            return re.sub(r"@\{([^}]+)\}", lambda match: str(self._found(match[1])), expression)
        if called := re.fullmatch(r"@concat\((.+), '(.+)'\)", expression):
            return f"{self._found(called[1])}{called[2]}"
        if called := re.fullmatch(r"@equals\((.+), '(.+)'\)", expression):
            return self._found(called[1]) == called[2]
        if called := re.fullmatch(r"@contains\(createArray\((.+)\), (variables.+)\)", expression):
            return self._found(called[2]) in re.findall(r"'(\w+)'", called[1])
        return self._found(expression[1:])

    def _found(self, path: str) -> Any:
        if not path.startswith("activity("):
            return self.known[path]
        head, *keys = path.split(".")
        found = self.known[head]
        for key in keys[1:]:
            found = found[key]
        return found

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return self.value(value) if isinstance(value, str) else value

    def _webactivity(self, name: str, settings: dict[str, Any]) -> None:
        answer = httpx.request(
            settings["method"],
            self.value(settings["url"]),
            headers=settings["headers"],
            content=json.dumps(self._filled(settings["body"])),
            timeout=DEADLINE_SECONDS,
        ).raise_for_status()
        self.known[f"activity('{name}')"] = answer.json()

    def _until(self, name: str, settings: dict[str, Any]) -> None:
        give_up_at = time.monotonic() + DEADLINE_SECONDS
        while not self.value(settings["expression"]["value"]):
            assert time.monotonic() < give_up_at
            self.run(settings["activities"])

    def _wait(self, name: str, settings: dict[str, Any]) -> None:
        assert settings["waitTimeInSeconds"] >= 5
        time.sleep(POLL_SECONDS)

    def _setvariable(self, name: str, settings: dict[str, Any]) -> None:
        self.known[f"variables('{settings['variableName']}')"] = self.value(settings["value"]["value"])

    def _ifcondition(self, name: str, settings: dict[str, Any]) -> None:
        if not self.value(settings["expression"]["value"]):
            self.run(settings["ifFalseActivities"])

    def _fail(self, name: str, settings: dict[str, Any]) -> None:
        raise RuntimeError(self.value(settings["message"]))


def test_the_pipeline_of_the_page_launches_a_job_and_waits_for_its_end(
    simulate: Simulate, tmp_path: Path
) -> None:
    page = blocks(ROOT / "docs" / "moving-from-pipelines.md")
    (recipe,) = [json.loads(block.content) for block in page if block.file == "LaunchDagsterJob.json"]
    fabric = simulate(
        with_sample=True,
        job_instances=[
            {"notebook": "*DimEmployee", "nth": 2, "run_seconds": 0.1, "status": "Failed"},
            {"notebook": "*DimEmployee", "nth": 3, "run_seconds": 0.1, "status": "Failed"},
            {"notebook": "*", "run_seconds": 0.1},
        ],
    )
    settings = {
        "FABRIC_API_URL": fabric.url,
        "FABRIC_WORKSPACE_ID": fabric.workspace_id,
        "FABRIC_ACCESS_TOKEN": fabric.token,
    }
    with dagster_dev(tmp_path, environment=settings) as server:
        good = Pipeline(recipe, dagster=server.url, job="load_dimensions")
        good.run()
        bad = Pipeline(recipe, dagster=server.url, job="load_dimensions")
        try:
            bad.run()
        except RuntimeError as error:
            said = str(error)
        unknown = Pipeline(recipe, dagster=server.url, job="no_such_job")
        try:
            unknown.run()
        except KeyError as missing:
            lost = str(missing)
        run_ids = server.run_ids()

    assert good.known["variables('status')"] == "SUCCESS"
    assert said == f"Run {run_ids[0]} ended with FAILURE"
    assert lost == "'run'"
    assert unknown.known["activity('Launch')"]["data"]["launchRun"]["__typename"] == "PipelineNotFoundError"
    assert len(run_ids) == 2
