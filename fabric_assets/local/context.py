"""What every handler of one server shares, and how requests are read and answered."""

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fabric_assets.local import errors
from fabric_assets.local.clock import Clock
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Item, Workspace, Workspaces
from fabric_assets.local.job_instances import JobInstances
from fabric_assets.local.script import Service
from fabric_assets.local.scripted_services import ScriptedServices
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.state import JobInstance, Operation, State

MAX_BODY_BYTES = 32 * 1024 * 1024
SCOPE_KEY = "fabric_assets.local.context"
"""Key of the ASGI scope that holds the server's parts."""

_LOGGED_REQUESTS = 100_000
_RETRY_AFTER_OPERATION = 30

_Entry = TypeVar("_Entry")


@dataclass
class RequestRecord:
    """A request that was made, for tests to read.

    Attributes:
        status: ``None`` until it is answered.
        fault: whether a fault of the script met it.
    """

    method: str
    path: str
    status: int | None
    time_ns: int
    authorized: bool
    fault: bool = False


@dataclass
class Context:
    """One server's parts. ``simulated`` is ``None`` when notebooks run on real kernels."""

    home: LocalHome
    state: State
    workspaces: Workspaces
    job_instances: JobInstances
    clock: Clock
    service: Service
    simulated: SimulatedEngine | None
    version: str
    scripted: ScriptedServices
    requests: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=_LOGGED_REQUESTS))

    @property
    def capacity_id(self) -> str:
        """Id of the one capacity."""
        return self.state.stable_id("capacity_id")

    @property
    def user_id(self) -> str:
        """Id of the one user."""
        return self.state.stable_id("user_id")

    def knows(self, accepted_ns: int) -> bool:
        """Whether reads know already what was accepted at a time."""
        return self.clock.time_ns() >= accepted_ns + round(self.service.unseen_seconds * 1e9)

    @property
    def shown_ns(self) -> int:
        """The time whose state reads show."""
        return self.clock.time_ns() - round(self.service.lag_seconds * 1e9)

    def page_key(self, job_instance_id: str) -> str:
        """What a link to a job instance's page proves: that it came from this server."""
        secret = self.state.secret("page_secret")
        return hmac.new(secret.encode(), job_instance_id.encode(), hashlib.sha256).hexdigest()[:40]


def context_of(request: Request) -> Context:
    """The server's parts."""
    context: Context = request.scope[SCOPE_KEY]
    return context


def base_url(request: Request) -> str:
    """Address of this server as the caller knows it (the host was checked)."""
    return f"http://{request.headers['host']}"


def workspace_of(request: Request) -> Workspace:
    """The workspace of the path."""
    return context_of(request).workspaces.get(request.path_params["workspace_id"])


def item_of(request: Request, item_type: str | None = None) -> tuple[Workspace, Item]:
    """The item of the path, and its workspace."""
    workspace = workspace_of(request)
    return workspace, workspace.item(request.path_params["item_id"], item_type)


def job_instance_of(request: Request, item_type: str | None = None) -> JobInstance:
    """The job instance of the path; it stays readable after its item was deleted."""
    names = request.path_params
    found = context_of(request).state.job_instance(names["job_instance_id"])
    if found is None or (found.workspace_id, found.item_id) != (names["workspace_id"], names["item_id"]):
        item_of(request, item_type)
        raise errors.entity_not_found(f"Job instance {names['job_instance_id']} of item {names['item_id']}")
    if item_type not in (None, found.item_type):
        raise errors.item_not_found(found.item_id, workspace_of(request).display_name)
    return found


def query_of(request: Request, *allowed: str) -> dict[str, str]:
    """The query, names without case, under the names given.

    Raises:
        ApiError: it has another name, or one twice.
    """
    names = {name.casefold(): name for name in allowed}
    query: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        name = names.get(key.casefold())
        if name is None:
            takes = f"it takes {', '.join(allowed)}" if allowed else "it takes none"
            raise errors.invalid_parameter(f"The route has no query parameter '{key}'; {takes}.")
        if name in query:
            raise errors.invalid_parameter(f"The query parameter '{name}' is there twice.")
        query[name] = value
    return query


def flag(query: dict[str, str], name: str, default: bool) -> bool:
    """A query parameter that is true or false.

    Raises:
        ApiError: it is neither.
    """
    value = query.get(name, str(default)).casefold()
    if value not in ("true", "false"):
        raise errors.invalid_parameter(
            f"The query parameter '{name}' must be true or false, not '{query[name]}'."
        )
    return value == "true"


async def json_body(request: Request) -> Any:
    """The body's JSON, ``None`` if it is empty.

    Raises:
        ApiError: it is no JSON, or too large.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise errors.request_too_large(MAX_BODY_BYTES)
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_input(f"The body is no JSON: {error}") from error


async def object_body(request: Request, known: Iterable[str]) -> dict[str, Any]:
    """The body, an object with no other fields than ``known``.

    Raises:
        ApiError: it is something else.
    """
    body = await json_body(request)
    if not isinstance(body, dict):
        raise errors.invalid_input("The body must be a JSON object.")
    if unknown := sorted(set(body) - set(known)):
        raise errors.invalid_input(
            f"The body has the unknown field '{unknown[0]}'; it takes {', '.join(sorted(known))}."
        )
    return body


def retry_after_headers(seconds: float | None) -> dict[str, str]:
    """The header ``Retry-After``, or nothing."""
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


def accepted(headers: dict[str, str]) -> Response:
    """``202`` with an empty body."""
    return Response(status_code=202, headers=headers)


def accepted_operation(request: Request, operation: Operation) -> Response:
    """``202`` that points to a long-running operation."""
    return accepted(
        {
            "Location": f"{base_url(request)}/v1/operations/{operation.id}",
            "x-ms-operation-id": operation.id,
            **retry_after_headers(_RETRY_AFTER_OPERATION),
        }
    )


def page_of(
    request: Request,
    entries: Sequence[_Entry],
    key: Callable[[_Entry], Any],
    body: Callable[[_Entry], dict[str, Any]],
    *,
    list_name: str = "value",
    page_size: int | None = None,
    null_at_end: bool = False,
) -> Response:
    """One page of a sorted list. A token names the last entry before it, so that new ones shift nothing.

    Args:
        request: has the token of the page.
        entries: the whole list.
        key: tells an entry from all others.
        body: an entry as JSON.
        list_name: name of the list in the answer.
        page_size: entries in a page; ``None``: the server's own.
        null_at_end: whether the last page shows the token as ``null`` instead of leaving it out.
    """
    last = page_token(request)
    start = 0
    if last is not None:
        start = next((index + 1 for index, entry in enumerate(entries) if key(entry) == last), -1)
        if start < 0:
            raise errors.invalid_parameter(
                "The continuationToken names a page that is no longer there; list again."
            )
    rest = islice(entries, start, None)
    return first_page(
        request, rest, key, body, list_name=list_name, page_size=page_size, null_at_end=null_at_end
    )


def first_page(
    request: Request,
    entries: Iterable[_Entry],
    key: Callable[[_Entry], Any],
    body: Callable[[_Entry], dict[str, Any]],
    *,
    list_name: str = "value",
    page_size: int | None = None,
    null_at_end: bool = False,
) -> Response:
    """Like ``page_of`` for a list that already begins where the token says."""
    size = page_size or context_of(request).service.page_size
    page = list(islice(entries, size + 1))
    answer: dict[str, Any] = {list_name: [body(entry) for entry in page[:size]]}
    if len(page) > size:
        answer["continuationToken"] = _token(key(page[size - 1]))
        answer["continuationUri"] = _page_uri(request, answer["continuationToken"])
    elif null_at_end:
        answer |= {"continuationToken": None, "continuationUri": None}
    return JSONResponse(answer)


def page_token(request: Request) -> Any:
    """The key of the last entry before the wanted page; ``None`` for the first page.

    Raises:
        ApiError: the token is none of this service.
    """
    query = {name.casefold(): value for name, value in request.query_params.items()}
    token = query.get("continuationtoken")
    if not token:
        return None
    try:
        return json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except ValueError as error:
        raise errors.invalid_parameter("The continuationToken is none of this service.") from error


def _page_uri(request: Request, token: str) -> str:
    query = "".join(
        f"{quote(name)}={quote(value)}&"
        for name, value in request.query_params.multi_items()
        if name.casefold() != "continuationtoken"
    )
    path = request.scope["raw_path"].decode("ascii")
    return f"{base_url(request)}{path}?{query}continuationToken={quote(token)}"


def _token(key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode("ascii")
