"""Requests whose raw answers count: what is checked here must not be smoothed by the client that relies on it."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from fabric_assets.client.auth import BearerAuth, checked_api_url
from fabric_assets.client.connecting import http_client
from fabric_assets.client.errors import FabricError
from fabric_assets.client.retry import parse_retry_after
from fabric_assets.connection import Connection

CALLS_PER_MINUTE = 90
"""Less than half of Fabric's quota, all kinds of calls together: others may run as the same identity."""

_TIMEOUT_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 90.0
_ATTEMPTS = 3


class WireError(FabricError):
    """The service gave no answer."""


class Answer:
    """An answer as it came."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        try:
            body = response.json()
        except ValueError:
            body = None
        self.is_object = isinstance(body, dict)
        self.body: dict[str, Any] = body if isinstance(body, dict) else {}
        self.length = len(response.content)

    @property
    def error_code(self) -> str | None:
        """Fabric's code of a refusal."""
        code = self.body.get("errorCode")
        return code if isinstance(code, str) else None

    @property
    def message(self) -> str:
        """Fabric's text of a refusal."""
        return str(self.body.get("message") or "")[:200]

    @property
    def retry_after(self) -> float | None:
        """When the service wants to be asked again, in seconds."""
        return parse_retry_after(self.headers.get("Retry-After"))

    def __str__(self) -> str:
        return f"{self.status}{f' {self.error_code}' if self.error_code else ''}"


class Wire:
    """One Fabric as one identity, well inside the quota.

    Attributes:
        calls: how many calls were made.
        throttled: answers 429, with what the service asked to wait.
    """

    def __init__(self, connection: Connection) -> None:
        url = checked_api_url(connection.api_url)
        self._http = http_client(
            url,
            base_url=url,
            auth=BearerAuth(url, connection.token_source()),
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": "fabric_assets"},
        )
        self.host = url.host
        self.calls = 0
        self.throttled: list[float | None] = []
        self._recent: deque[float] | None = None if connection.is_local else deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send a request and give its answer, whatever that is; what the quota refused is sent again.

        Raises:
            WireError: there is none.
            FabricError: there is no token.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            await self._turn()
            self.calls += 1
            try:
                answer = Answer(await self._http.request(method, path, params=params, json=body))
            except httpx.HTTPError as error:
                if method != "GET" or attempt == _ATTEMPTS:
                    raise WireError(
                        f"no answer to {method} {path}: {type(error).__name__} {error}"
                    ) from error
                await asyncio.sleep(1.0)
                continue
            if answer.status != httpx.codes.TOO_MANY_REQUESTS or attempt == _ATTEMPTS:
                return answer
            self.throttled.append(answer.retry_after)
            wait = 30.0 if answer.retry_after is None else answer.retry_after
            await asyncio.sleep(min(wait, _LONGEST_PAUSE_SECONDS))
        raise AssertionError("the last attempt returns or raises")

    async def _turn(self) -> None:
        if self._recent is None:
            return
        while len(self._recent) >= CALLS_PER_MINUTE:
            await asyncio.sleep(max(0.0, self._recent[0] + 60.0 - time.monotonic()))
            while self._recent and self._recent[0] + 60.0 <= time.monotonic():
                self._recent.popleft()
        self._recent.append(time.monotonic())

    async def finished(self, answer: Answer, timeout_seconds: float = 120.0) -> Answer:
        """The end of a long-running operation: its result if it has one; the answer itself if it is none.

        Raises:
            WireError: it failed, or did not end in time.
        """
        if answer.status != httpx.codes.ACCEPTED:
            return answer
        operation = operation_id(answer)
        if operation is None:
            raise WireError("the service accepted an operation without saying its id")
        deadline = time.monotonic() + timeout_seconds
        wait = 1.0
        while True:
            state = await self.call("GET", f"/operations/{operation}")
            status = state.body.get("status")
            if status == "Succeeded":
                return await self.call("GET", f"/operations/{operation}/result")
            if status == "Failed" or state.status != httpx.codes.OK:
                raise WireError(
                    f"operation {operation}: {state} {status or ''} {state.body.get('error') or ''}"
                )
            if time.monotonic() > deadline:
                raise WireError(f"operation {operation} is {status} after {timeout_seconds:g} s")
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 5.0)


def operation_id(answer: Answer) -> str | None:
    """The id of a long-running operation, from its header, else from ``Location``."""
    found = answer.headers.get("x-ms-operation-id")
    if found:
        return str(found)
    location = str(answer.headers.get("Location", "")).split("?")[0].rstrip("/")
    return location.rpartition("/")[2] or None if "/operations/" in location else None
