"""Walks through a pipeline as Data Factory would, and sends the requests of its Web activities to a real server."""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from fabric_assets.local.pipelines.expressions import evaluate

KEY_VAULT_TOKEN = "token-from-the-key-vault"
RUN_ID = "6b7d3c9e-0000-4000-8000-000000000001"


class ActivityFailedError(Exception):
    """The pipeline fails; ``error_code`` as its Fail activity has it."""

    def __init__(self, message: str, error_code: str) -> None:
        super().__init__(message)
        self.error_code = error_code


class PipelineWalk:
    """One run of a pipeline. Activities run one after the other, in the order of the file.

    Attributes:
        sent: the requests of its Web activities.
    """

    def __init__(self, definition: Mapping[str, Any], parameters: Mapping[str, Any], base_url: str) -> None:
        properties = definition["properties"]
        known = {name: entry["defaultValue"] for name, entry in properties["parameters"].items()}
        assert set(parameters) <= set(known)
        self._parameters = {**known, **parameters}
        self._variables = {name: entry["defaultValue"] for name, entry in properties["variables"].items()}
        self._activities = properties["activities"]
        self._outputs: dict[str, Any] = {}
        self._base_url = base_url
        self.sent: list[httpx.Request] = []

    def run(self) -> None:
        """To its end.

        Raises:
            ActivityFailedError: a Fail activity was reached, or a Web activity was refused.
        """
        self._all(self._activities)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The latest output of each activity."""
        return self._outputs

    def _all(self, activities: list[dict[str, Any]]) -> None:
        done: list[str] = []
        for activity in activities:
            assert all(each["activity"] in done for each in activity["dependsOn"])
            self._one(activity)
            done.append(activity["name"])

    def _one(self, activity: dict[str, Any]) -> None:
        settings = activity["typeProperties"]
        match activity["type"]:
            case "WebActivity":
                self._outputs[activity["name"]] = self._web(activity)
            case "IfCondition":
                branch = "ifTrueActivities" if self._value(settings["expression"]) else "ifFalseActivities"
                self._all(settings.get(branch, []))
            case "Until":
                deadline = time.monotonic() + 120
                while True:
                    self._all(settings["activities"])
                    if self._value(settings["expression"]):
                        return
                    assert time.monotonic() < deadline
            case "Wait":
                time.sleep(float(self._value(settings["waitTimeInSeconds"])))
            case "SetVariable":
                self._variables[settings["variableName"]] = self._value(settings["value"])
            case "Fail":
                raise ActivityFailedError(
                    self._value(settings["message"]), self._value(settings["errorCode"])
                )
            case other:
                raise AssertionError(f"no activity {other} is known here")

    def _web(self, activity: dict[str, Any]) -> Any:
        settings = {
            name: self._value(value) for name, value in activity["typeProperties"].items() if name != "body"
        }
        if settings.get("authentication", {}).get("resource") == "https://vault.azure.net":
            assert activity["policy"]["secureOutput"], "the secret would be shown"
            return {"value": KEY_VAULT_TOKEN}
        body = self._value(activity["typeProperties"]["body"])
        assert isinstance(body, str)
        url = settings.get("url") or self._base_url + settings["relativeUrl"]
        if KEY_VAULT_TOKEN in json.dumps(settings):
            assert activity["policy"]["secureInput"], "the secret would be shown"
        with httpx.Client(trust_env=False, timeout=60) as client:
            request = client.build_request(settings["method"], url, headers=settings["headers"], content=body)
            self.sent.append(request)
            response = client.send(request)
        if not response.is_success:
            raise ActivityFailedError(response.text, str(response.status_code))
        return response.json()

    def _value(self, value: Any) -> Any:
        return evaluate(value, self._resolve)

    def _resolve(self, function: str, arguments: list[Any]) -> Any:
        match function:
            case "pipeline":
                return {"parameters": self._parameters, "Pipeline": "Launch_Dagster", "RunId": RUN_ID}
            case "variables":
                return self._variables[arguments[0]]
            case "activity":
                return {"output": self._outputs[arguments[0]]}
        raise AssertionError(f"{function}() is not known here")
