"""A folder of a lakehouse in OneLake, over its ADLS Gen2 API."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from fabric_assets.client.auth import AzureIdentityToken, BearerAuth, TokenSource
from fabric_assets.client.connecting import http_client
from fabric_assets.client.errors import FabricError
from fabric_assets.jobs import background_loop
from fabric_assets.pipes.files import LONGEST_READ, FilesError
from fabric_assets.tables.location import ONELAKE_HOST, STORAGE_SCOPE

_API_VERSION = "2023-11-03"  # the one that deltalake asks OneLake for
_TIMEOUT_SECONDS = 30.0
_PASSING = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.INTERNAL_SERVER_ERROR,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.GATEWAY_TIMEOUT,
}
_RIGHTS = (
    "this identity may not {what} (HTTP {status}). It needs write access to the lakehouse's files in OneLake (a "
    "Contributor has it), and the tenant setting that lets apps outside of Fabric read OneLake must be on"
)


class OneLakeFiles:
    """A folder in OneLake. See ``Files``. To be used on the background loop.

    Args:
        workspace_id: GUID of the workspace.
        lakehouse_id: GUID of the lakehouse.
        folder: path below the lakehouse, such as ``Files/.dagster_pipes``.
    """

    def __init__(self, workspace_id: str, lakehouse_id: str, folder: str) -> None:
        self._path = f"{workspace_id}/{lakehouse_id}/{folder}"

    def address(self, name: str) -> str:
        """See ``Files``."""
        return f"https://{ONELAKE_HOST}/{self._path}/{name}".rstrip("/")

    async def make_folder(self, name: str) -> None:
        """See ``Files``."""
        # Without the condition, the service would replace what is there.
        answer = await self._send("PUT", name, {"resource": "directory"}, {"If-None-Match": "*"})
        if answer.status_code != httpx.codes.CONFLICT:
            self._check(answer, "create it", name)

    async def read(self, name: str, offset: int) -> bytes:
        """See ``Files``."""
        wanted = {"Range": f"bytes={offset}-{offset + LONGEST_READ - 1}"}
        answer = await self._send("GET", name, {}, wanted)
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE):
            return b""
        self._check(answer, "read it", name)
        if answer.status_code == httpx.codes.PARTIAL_CONTENT:
            return answer.content
        return answer.content[offset : offset + LONGEST_READ]

    async def remove(self, name: str, *, folder: bool) -> None:
        """See ``Files``."""
        answer = await self._send("DELETE", name, {"recursive": "true"} if folder else {}, {})
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._check(answer, "remove it", name)

    async def _send(
        self, method: str, name: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> httpx.Response:
        path = quote(f"/{self._path}/{name}".rstrip("/"))
        try:
            return await _client().request(method, path, params=query, headers=headers)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise FilesError(
                f"{self.address(name)}: OneLake cannot be reached: {reason}", passing=True
            ) from error
        except FabricError as error:
            raise FilesError(f"{self.address(name)}: {error}", passing=error.retriable) from error

    def _check(self, answer: httpx.Response, what: str, name: str) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise FilesError(f"{self.address(name)}: {_RIGHTS.format(what=what, status=status)}")
        code = answer.headers.get("x-ms-error-code", "")
        wait = answer.headers.get("Retry-After", "")
        raise FilesError(
            f"{self.address(name)}: OneLake does not {what}: HTTP {status} {code}".rstrip(),
            passing=status in _PASSING,
            retry_after_seconds=float(wait) if wait.isdecimal() else None,
        )


_url = f"https://{ONELAKE_HOST}"
_tokens: TokenSource = AzureIdentityToken(STORAGE_SCOPE)
_clients: dict[str, httpx.AsyncClient] = {}
background_loop.at_fork(_clients.clear)


def _client() -> httpx.AsyncClient:
    """One for all folders of the process: its token goes to this host only."""
    if _url not in _clients:
        url = httpx.URL(_url)
        auth = BearerAuth(url, _tokens)
        client = http_client(
            url, base_url=url, auth=auth, timeout=_TIMEOUT_SECONDS, headers={"x-ms-version": _API_VERSION}
        )
        background_loop.at_close(client.aclose)
        _clients[_url] = client
    return _clients[_url]
