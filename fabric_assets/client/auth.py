"""Who we are for Fabric: bearer tokens, fetched when needed, renewed before they expire, shown to nobody."""

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import httpx

from fabric_assets.client.errors import (
    FabricAuthError,
    FabricConfigError,
    FabricError,
    FabricTransportError,
)
from fabric_assets.client.service_words import FABRIC, ServiceWords

FABRIC_SCOPE = "https://api.fabric.microsoft.com/.default"

_RENEW_BEFORE_SECONDS = 300.0


class TokenSource(Protocol):
    """Where tokens come from."""

    async def get_token(self, *, refused: str | None = None) -> str:
        """A token that is valid now.

        Args:
            refused: a token that the service has just refused; a source that can must not give it again.

        Raises:
            FabricAuthError: there is none to be had.
        """
        ...


class StaticToken:
    """A ready token, such as from ``FABRIC_ACCESS_TOKEN`` or the local Fabric. It cannot be renewed.

    Args:
        token: the token.
        words: how messages speak of the service that it is for.

    Raises:
        FabricConfigError: it holds what no token has.
    """

    def __init__(self, token: str, words: ServiceWords = FABRIC) -> None:
        self._token = token.strip()
        self._words = words
        # What cannot stand in a header would be quoted by the HTTP library's error.
        if re.fullmatch(r"[\x21-\x7e]+", self._token) is None:
            raise FabricConfigError(
                f"the access token that was configured ({words.token_setting}) is empty or holds "
                "blanks, line breaks or other characters that no token has"
            )

    async def get_token(self, *, refused: str | None = None) -> str:
        """The token.

        Raises:
            FabricAuthError: the service has refused it.
        """
        if refused == self._token:
            raise FabricAuthError(
                f"{self._words.name} refuses the access token that was configured ({self._words.token_setting}): it "
                "has expired, or it was issued for another service or tenant. A ready token lives for about an hour; "
                "unset it to let azure-identity fetch and renew tokens."
            )
        return self._token


class AzureIdentityToken:
    """Tokens from azure-identity's default chain: environment, workload and managed identity, CLI, ...

    Args:
        scope: what they are for.
        words: how messages speak of the service that they are for.
        clock: the time, in seconds since 1970.
    """

    def __init__(
        self,
        scope: str = FABRIC_SCOPE,
        *,
        words: ServiceWords = FABRIC,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scope = scope
        self._words = words
        self._clock = clock
        self._credential: object | None = None
        self._token: str | None = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._lock = asyncio.Lock()

    async def get_token(self, *, refused: str | None = None) -> str:
        """The cached token, or a new one from five minutes before the old one expires.

        Raises:
            FabricAuthError: no credential of the chain gives one; the message says what each of them answered.
            FabricTransportError: Microsoft Entra cannot be reached now.
        """
        async with self._lock:
            token = self._token
            if token is None or token == refused or self._clock() >= self._renew_at:
                token = await self._renewed(token, refused)
            return token

    async def _renewed(self, old: str | None, refused: str | None) -> str:
        if old is not None and old == refused:
            self._credential = None  # it would give the refused token again, from a cache of its own
        try:
            token, expires_at = await asyncio.to_thread(self._fetch)
        except FabricError as error:
            if old is not None and old != refused and self._clock() < self._expires_at:
                return old
            if old is not None and isinstance(error, FabricAuthError) and error.retriable:
                raise FabricTransportError(str(error), may_have_arrived=False) from error
            raise
        # A token whose whole life is shorter than the margin is still used until it ends.
        self._renew_at = max(expires_at - _RENEW_BEFORE_SECONDS, min(expires_at, self._clock() + 30))
        self._token, self._expires_at = token, expires_at
        return token

    def _fetch(self) -> tuple[str, float]:
        # Imported late: it takes half a second and a local Fabric needs none of it.
        from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
        from azure.identity import CredentialUnavailableError, DefaultAzureCredential

        try:
            if self._credential is None:
                self._credential = DefaultAzureCredential()
            assert isinstance(self._credential, DefaultAzureCredential)  # noqa: S101 -- narrows the lazy type
            token = self._credential.get_token(self._scope)
        except CredentialUnavailableError as error:
            raise FabricAuthError(
                f"No credentials for {self._words.name}. azure-identity tried: "
                f"{error.message}\nSet AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, sign in with "
                f"`az login`, or set {self._words.token_setting}. {self._words.needed}",
                retriable=self._token is not None,
            ) from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise FabricTransportError(
                f"Microsoft Entra cannot be reached: {error.message}", may_have_arrived=False
            ) from error
        except AzureError as error:
            tried = _attempts(error.message)
            if _NO_CONNECTION in tried:  # the chain of credentials hides what kind of error it was
                raise FabricTransportError(
                    f"Microsoft Entra cannot be reached: {tried}", may_have_arrived=False
                ) from error
            raise FabricAuthError(
                f"Microsoft Entra gave no token for {self._scope}. azure-identity tried: {tried}\nSign in with "
                "`az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET; if they are set, check "
                f"them. {self._words.needed}"
            ) from error
        except (OSError, ValueError) as error:  # such as a tenant id with characters that none has
            raise FabricAuthError(
                f"azure-identity cannot use what is configured: {error}\nCheck AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                "what else it reads from the environment."
            ) from error
        return token.token, float(token.expires_on)


_NO_CONNECTION = "HTTPSConnection"


class BearerAuth(httpx.Auth):
    """Adds the token to requests to the configured host, and to no other, whatever a ``Location`` says."""

    def __init__(self, base_url: httpx.URL, tokens: TokenSource) -> None:
        self._origin = _origin(base_url)
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send with a token; once more with a fresh one if the service answers 401."""
        if _origin(request.url) != self._origin:
            raise FabricConfigError(
                f"refused to send the token for {self._origin[1]} to another host: {request.url.host}"
            )
        token = await self._tokens.get_token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            token = await self._tokens.get_token(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request


def _attempts(message: str) -> str:
    """What each credential of the chain answered, without its advice, which is a screen long."""
    lines = [line.strip() for line in message.splitlines() if line.startswith("\t")]
    return "; ".join(line.partition(". ")[0].rstrip(".") for line in lines) or message


def refusal_hint(status_code: int, words: ServiceWords = FABRIC) -> str:
    """What to do about a 401 or 403."""
    if status_code == httpx.codes.UNAUTHORIZED:
        return f"{words.name} refused a fresh token too: wrong tenant, or the wrong kind of identity. {words.needed}"
    return words.needed


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_api_url(text: str, words: ServiceWords = FABRIC) -> httpx.URL:
    """The API's base URL, without a trailing slash.

    Raises:
        FabricConfigError: it is no URL, holds credentials, or is plain http to a host that is not this machine.
    """
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except (httpx.InvalidURL, TypeError) as error:
        raise FabricConfigError(f"the {words.name} API URL is no URL: {text!r} ({error})") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise FabricConfigError(
            f"the {words.name} API URL must look like {words.example_url}, it is {text!r}"
        )
    if url.userinfo or url.query or url.fragment:
        raise FabricConfigError(
            f"the {words.name} API URL must not hold a user, a password, a query or a fragment"
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise FabricConfigError(
            f"the {words.name} API URL {text!r} is plain http: a token would travel in the open. Use https "
            "(plain http is for hosts of this machine only, such as 127.0.0.1)."
        )
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    port = url.port or (443 if url.scheme == "https" else 80)
    return (url.scheme, url.host, port)
