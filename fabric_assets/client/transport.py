"""How requests reach Fabric: one connection pool, tokens, retries, pages, long-running operations, refusals."""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import httpx

from fabric_assets.client.auth import BearerAuth, TokenSource, checked_api_url, refusal_hint
from fabric_assets.client.connecting import http_client
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricError,
    FabricNotFoundError,
    FabricThrottledError,
    FabricTransportError,
)
from fabric_assets.client.quota import CallGate, Urgency, quota_group
from fabric_assets.client.retry import (
    Patience,
    attempts,
    parse_http_date,
    parse_retry_after,
    wait_before_repeating_read,
    wait_before_repeating_start,
)
from fabric_assets.client.service_words import FABRIC, ServiceWords

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

T = TypeVar("T")

_log = logging.getLogger(__name__)
_LONGEST_QUOTED_BODY = 400


class Transport:
    """Sends requests to one API as one identity. See ``FabricClient`` for the arguments.

    ``words`` is how messages speak of the service.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        *,
        request_timeout_seconds: float,
        patience_seconds: float,
        gate: CallGate,
        network: httpx.AsyncBaseTransport | None,
        words: ServiceWords = FABRIC,
    ) -> None:
        base_url = checked_api_url(api_url, words)
        self._words = words
        self._patience_seconds = patience_seconds
        self._gate = gate
        self._clock_offset: timedelta | None = None
        self._http = http_client(
            base_url,
            base_url=base_url,
            auth=BearerAuth(base_url, tokens),
            timeout=request_timeout_seconds,
            follow_redirects=False,
            transport=network,
            headers={"Accept": "application/json", "User-Agent": "fabric_assets"},
        )

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return str(self._http.base_url)

    def service_now(self) -> datetime:
        """The time by the service's clock, UTC, as far as its answers told; see ``clock_uncertainty``."""
        return datetime.now(UTC) + (self._clock_offset or timedelta())

    @property
    def clock_uncertainty(self) -> timedelta:
        """How far ``service_now`` can be wrong: ``Date`` headers have seconds; without one, clocks may differ more."""
        return timedelta(minutes=2) if self._clock_offset is None else timedelta(seconds=3)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def read(
        self, path: str, parse: Callable[[dict[str, Any]], T], params: Mapping[str, str] | None = None
    ) -> T:
        """Read a JSON object and make a record of it. An answer that cannot be parsed is no answer: it is repeated."""
        response = await self.send(
            "GET",
            path,
            params=params,
            check=lambda answer: parsed(answer, parse),
            wait_before=wait_before_repeating_read,
        )
        return parsed(response, parse)

    async def paged(self, path: str, parse: Callable[[dict[str, Any]], T]) -> AsyncIterator[T]:
        """The entries of all pages of a list."""
        async for entries in self.pages(path, parse):
            for entry in entries:
                yield entry

    async def pages(self, path: str, parse: Callable[[dict[str, Any]], T]) -> AsyncIterator[list[T]]:
        """The pages of a list; one is read when it is needed."""

        def page(data: dict[str, Any]) -> tuple[list[T], str | None]:
            return [parse(entry) for entry in data["value"]], data.get("continuationToken")

        # The token is used and not `continuationUri`, which may name another host.
        token: str | None = None
        while True:
            entries, following = await self.read(path, page, {"continuationToken": token} if token else None)
            yield entries
            if not following or following == token:
                return
            token = following

    async def operation_result(self, response: httpx.Response) -> dict[str, Any]:
        """Follow a long-running operation by its id; its ``Location`` can name a host that must not get the token."""
        if response.status_code != httpx.codes.ACCEPTED:
            return parsed(response, dict)
        operation_id = response.headers.get("x-ms-operation-id") or _last_guid(
            response.headers.get("Location", "")
        )
        if not operation_id:
            raise FabricTransportError(
                "Fabric accepted an operation without saying its id", may_have_arrived=True
            )
        path = f"/operations/{operation_id}"
        async for attempt in attempts(_wait_for_operation, self._patience_seconds):
            with attempt:
                state = await self.send(
                    "GET", path, check=_json_object, wait_before=wait_before_repeating_read
                )
                data = _json_object(state)
                if data.get("status") == "Failed":
                    error = data.get("error") or {}
                    raise FabricError(
                        f"operation {operation_id} failed: {error.get('message') or 'no reason given'}",
                        error_code=error.get("errorCode"),
                    )
                if data.get("status") != "Succeeded":
                    raise _OperationRunningError(parse_retry_after(state.headers.get("Retry-After")))
        return await self.read(f"{path}/result", dict)

    async def start(
        self,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        on_sending: Callable[[bool], None] | None,
    ) -> httpx.Response:
        """Send what starts something; once more only if the service surely did not act on it.

        ``on_sending`` is called with ``True`` when its turn has come, with ``False`` when it surely had no effect and
        is to be sent again.
        """

        def wait_before(error: Exception) -> bool | float:
            wait = wait_before_repeating_start(error)
            if wait is not False and on_sending is not None:
                on_sending(False)
            return wait

        return await self.send(
            "POST",
            path,
            params=params,
            body=body,
            urgency=Urgency.START,
            on_sending=None if on_sending is None else partial(on_sending, True),
            wait_before=wait_before,
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        check: Callable[[httpx.Response], object] | None = None,
        urgency: Urgency = Urgency.READ,
        patience_seconds: float | None = None,
        on_sending: Callable[[], None] | None = None,
        wait_before: Callable[[Exception], bool | float],
    ) -> httpx.Response:
        """Send a request until there is a good answer, or ``wait_before`` says of an error that it is final.

        ``on_sending`` is called when its turn has come: before that, it surely had no effect.

        ``check`` raises ``FabricTransportError`` for an answer that looks like a success and is none.
        """
        patience = Patience(self._words.name)
        limit = self._patience_seconds if patience_seconds is None else patience_seconds
        async for attempt in attempts(wait_before, limit, patience):
            with attempt:
                response = await self._send_once(method, path, params, body, urgency, on_sending)
                if check is not None:
                    check(response)
                patience.answered()
                return response
        raise AssertionError("attempts end with an answer or an error")

    async def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        urgency: Urgency,
        on_sending: Callable[[], None] | None,
    ) -> httpx.Response:
        group = quota_group(path)
        try:
            async with self._gate.call(group, urgency):
                if on_sending is not None:
                    on_sending()
                response = await self._http.request(method, path, params=params, json=body)
        except httpx.LocalProtocolError:
            # Its text quotes headers.
            raise FabricConfigError(f"{method} {path} cannot be sent: a header is not valid") from None
        except httpx.RequestError as error:
            never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise FabricTransportError(
                f"no answer from {self._http.base_url.host} to {method} {path}: "
                f"{type(error).__name__} {error}".rstrip(),
                may_have_arrived=not never_sent,
            ) from error
        _log.debug("%s %s -> %s (request %s)", method, path, response.status_code, _request_id(response))
        if response.is_success:
            # The clock of a gateway that answers in Fabric's place says nothing about Fabric's.
            if date := parse_http_date(response.headers.get("Date")):
                self._clock_offset = date - datetime.now(UTC)
            return response
        refusal = _refusal(method, path, response, self._words)
        if isinstance(refusal, FabricThrottledError):
            self._gate.refused(group, refusal.retry_after_seconds)
        raise refusal


class _OperationRunningError(FabricError):
    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("the operation is still running", retriable=True)
        self.retry_after_seconds = retry_after_seconds


def _wait_for_operation(error: Exception) -> bool | float:
    if isinstance(error, _OperationRunningError):
        return error.retry_after_seconds if error.retry_after_seconds is not None else True
    return False


def parsed(response: httpx.Response, parse: Callable[[dict[str, Any]], T]) -> T:
    """A JSON object as a record.

    Raises:
        FabricTransportError: it is something else, such as a gateway's HTML page.
    """
    try:
        data = response.json()
        if not isinstance(data, dict):
            raise TypeError(f"a JSON object was expected, not {type(data).__name__}")  # noqa: TRY301 -- one answer to all
        return parse(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_fabrics(response) from error


def not_fabrics(response: httpx.Response) -> FabricTransportError:
    """The error for an answer that has the status of a success and is not the service's."""
    return FabricTransportError(
        f"{response.request.method} {response.request.url.path} answered {response.status_code} with something "
        f"that is not the service's: {_quoted(response)!r}",
        may_have_arrived=True,
        request_id=_request_id(response),
    )


def _request_id(response: httpx.Response) -> str | None:
    """Fabric's id of a request, or Azure Resource Manager's."""
    headers: Mapping[str, str] = response.headers
    return headers.get("RequestId") or headers.get("x-ms-request-id")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    return parsed(response, dict)


def _quoted(response: httpx.Response) -> str:
    return _without_token(response.text, response)[:_LONGEST_QUOTED_BODY]


def _without_token(text: str, response: httpx.Response) -> str:
    """Some gateways show the request that they refuse, with its headers."""
    token = response.request.headers.get("Authorization", "").partition(" ")[2]
    return text.replace(token, "(token)") if token else text


def _refusal(method: str, path: str, response: httpx.Response, words: ServiceWords) -> FabricError:
    """The error for an answer that is no success; the body may be the service's JSON or a gateway's HTML."""
    status = response.status_code
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        body = {"message": _quoted(response)}
    if isinstance(error := body.get("error"), dict):
        # How Azure Resource Manager and Power BI write it.
        body = {"errorCode": error.get("code"), "message": error.get("message"), **body}
    code = body.get("errorCode") or response.headers.get("x-ms-public-api-error-code")
    request_id = body.get("requestId") or _request_id(response)
    message = f"{method} {path} was refused with {status} {code or response.reason_phrase}: {body.get('message') or ''}"
    message = _without_token(message, response)
    if request_id:
        message += f" (request {request_id})"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return FabricAuthError(
            f"{message}\n{refusal_hint(status, words)}", error_code=code, request_id=request_id
        )
    kind = {404: FabricNotFoundError, 429: FabricThrottledError}.get(status, FabricApiError)
    return kind(
        message,
        status_code=status,
        error_code=code,
        request_id=request_id,
        retriable=status in (408, 429)
        or status >= 500
        or (status != 404 and body.get("isRetriable") is True),
        retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
    )


def _last_guid(url: str) -> str | None:
    found: list[str] = GUID.findall(url.split("?")[0])
    return found[-1] if found else None
