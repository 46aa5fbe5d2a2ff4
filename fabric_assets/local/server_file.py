"""``server.json``: where the running server is, and whether it is really there."""

import http.client
import json
import os
import secrets
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabric_assets.local.home import LocalHome
from fabric_assets.local.proof import proof_of_life


@dataclass(frozen=True)
class LocalFabric:
    """A running local Fabric.

    Attributes:
        url: where its REST API begins, such as ``http://127.0.0.1:50505/v1``.
        workspace_id: id of the workspace that is used when none is configured.
        token: the bearer token that every request needs.
        pid: the server's process.
    """

    url: str
    workspace_id: str
    token: str = field(repr=False)
    pid: int

    @property
    def power_bi_url(self) -> str:
        """Where Power BI's REST API begins: it stands for ``https://api.powerbi.com/v1.0/myorg``."""
        return f"{self.url.removesuffix('/v1')}/v1.0/myorg"

    @property
    def resource_manager_url(self) -> str:
        """Where Azure Resource Manager begins: it stands for ``https://management.azure.com``."""
        return self.url.removesuffix("/v1")


@dataclass(frozen=True)
class SignOfLife:
    """What a running server says about itself."""

    version: str
    active_job_instances: int


def write_server_file(home: LocalHome, fabric: LocalFabric) -> None:
    """Write ``server.json`` as a whole, for its owner only."""
    new = home.server_file.with_suffix(f".{secrets.token_hex(4)}")
    content = {
        "url": fabric.url,
        "workspaceId": fabric.workspace_id,
        "token": fabric.token,
        "pid": fabric.pid,
    }
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    new.replace(home.server_file)


def read_server_file(home: LocalHome) -> LocalFabric | None:
    """What ``server.json`` says; ``None`` if there is none that can be read."""
    try:
        content = json.loads(home.server_file.read_text(encoding="utf-8"))
        url = urllib.parse.urlsplit(content["url"])
        if url.scheme != "http" or url.hostname != "127.0.0.1" or url.port is None:
            return None
        return LocalFabric(content["url"], content["workspaceId"], content["token"], int(content["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_server_file(home: LocalHome, pid: int) -> None:
    """Remove ``server.json`` if it is the one of this process."""
    found = read_server_file(home)
    if found is not None and found.pid == pid:
        home.server_file.unlink(missing_ok=True)


def sign_of_life(fabric: LocalFabric, timeout_seconds: float = 2.0) -> SignOfLife | None:
    """Ask the server for a sign of life; ``None`` if nobody answers who knows the token.

    The token is not sent: whoever has the port now may be somebody else.
    """
    address = urllib.parse.urlsplit(fabric.url)
    nonce = secrets.token_urlsafe(16)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=timeout_seconds)
    try:
        connection.request("GET", f"/alive?nonce={nonce}")
        answer: Any = json.loads(connection.getresponse().read(10_000))
        if not secrets.compare_digest(str(answer["proof"]), proof_of_life(fabric.token, nonce)):
            return None
        return SignOfLife(str(answer["version"]), int(answer["activeJobInstances"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def server_log_end(path: Path, lines: int = 15) -> str:
    """The last lines of the server's log."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
