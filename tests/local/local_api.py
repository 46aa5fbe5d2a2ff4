"""How tests talk to a local Fabric."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

from fabric_assets.local import ServedFabric

DEADLINE_SECONDS = 30
_NO_CERTIFICATES = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # plain http needs none, and loading them takes long


class NoEngine:
    """An engine for a server that is no simulation and executes no notebook."""

    async def aclose(self) -> None:
        pass


class Api(httpx.Client):
    """A client of one local Fabric, with its token and its default workspace."""

    def __init__(self, fabric: ServedFabric) -> None:
        headers = {"Authorization": f"Bearer {fabric.token}"}
        super().__init__(base_url=fabric.url, headers=headers, timeout=30, verify=_NO_CERTIFICATES)
        self.fabric = fabric
        self.root = fabric.url.removesuffix("/v1")
        self.workspace = f"/workspaces/{fabric.workspace_id}"

    def ids(self) -> dict[str, str]:
        """Item ids by display name; without SQL endpoints, which have their lakehouses' names."""
        items = self.get_json(f"{self.workspace}/items")["value"]
        return {item["displayName"]: item["id"] for item in items if item["type"] != "SQLEndpoint"}

    def get_json(self, url: str) -> Any:
        """The body of a read that must succeed."""
        answer = self.get(url)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def item(self, name: str) -> str:
        """Path of an item."""
        return f"{self.workspace}/items/{self.ids()[name]}"

    def notebook(self, name: str) -> str:
        """Path of a notebook."""
        return f"{self.workspace}/notebooks/{self.ids()[name]}"

    def start(self, name: str, body: Any = None) -> str:
        """Start a notebook's job instance; returns its URL."""
        answer = self.post(f"{self.item(name)}/jobs/instances", params={"jobType": "RunNotebook"}, json=body)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def start_job(self, name: str, job_type: str, body: Any = None) -> str:
        """Start a job of any item by its name; returns the job instance's URL."""
        answer = self.post(f"{self.item(name)}/jobs/instances", params={"jobType": job_type}, json=body)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def wait(self, url: str) -> dict[str, Any]:
        """Read a job instance until it ended."""
        return self.until(url, lambda body: body["status"] not in ("NotStarted", "InProgress"))

    def until(self, url: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read until something is so."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached(body := self.get_json(url)):
            assert time.monotonic() < deadline, body
            time.sleep(0.01)
        return body

    def error(self, method: str, url: str, **request: Any) -> tuple[int, str, str]:
        """Status, error code and message of a request that must be refused in Fabric's form."""
        answer = self.request(method, url, **request)
        body = answer.json()
        assert set(body) == {"requestId", "errorCode", "message", "moreDetails", "isRetriable"}
        assert body["requestId"] == answer.headers["RequestId"]
        return answer.status_code, body["errorCode"], body["message"]
