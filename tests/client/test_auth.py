"""Tokens: where they come from, when they are renewed, whom they are shown to."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential

from fabric_assets.client.auth import (
    AzureIdentityToken,
    BearerAuth,
    StaticToken,
    checked_api_url,
)
from fabric_assets.client.errors import FabricAuthError, FabricConfigError, FabricTransportError


@pytest.mark.parametrize(
    "url",
    [
        "https://api.fabric.microsoft.com/v1/",
        "http://127.0.0.1:8080/v1",
        "http://localhost/v1",
        "http://[::1]:1/v1",
    ],
)
def test_api_urls_that_are_safe(url: str) -> None:
    assert str(checked_api_url(url)) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://api.fabric.microsoft.com/v1", "plain http"),
        ("http://127.0.0.1.evil.example/v1", "plain http"),
        ("http://10.0.0.1/v1", "plain http"),
        ("ftp://127.0.0.1/v1", "must look like"),
        ("api.fabric.microsoft.com", "must look like"),
        ("https://user:secret@api.fabric.microsoft.com/v1", "must not hold a user"),
        ("https://api.fabric.microsoft.com/v1?x=1", "must not hold"),
        ("https://host:port", "no URL"),
    ],
)
def test_api_urls_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(FabricConfigError, match=message) as caught:
        checked_api_url(url)

    assert "secret" not in str(caught.value)


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Microsoft Entra cannot be reached by a test, so its answers are given here."""
    state = SimpleNamespace(issued=0, lifetime=3600.0, clock=FakeClock(), error=None, scopes=[])

    def get_token(_self: object, scope: str) -> SimpleNamespace:
        if state.error is not None:
            raise state.error
        state.issued += 1
        state.scopes.append(scope)
        return SimpleNamespace(token=f"token-{state.issued}", expires_on=state.clock.now + state.lifetime)

    monkeypatch.setattr(DefaultAzureCredential, "get_token", get_token)
    return state


def test_a_token_is_kept_and_renewed_five_minutes_before_it_expires(entra: SimpleNamespace) -> None:
    async def over_three_hours() -> list[str]:
        source = AzureIdentityToken(clock=entra.clock)
        tokens = []
        for _ in range(18):
            tokens.append(await source.get_token())
            entra.clock.now += 600
        return tokens

    tokens = asyncio.run(over_three_hours())

    assert tokens == [f"token-{n}" for n in (1, 2, 3) for _ in range(6)]
    assert set(entra.scopes) == {"https://api.fabric.microsoft.com/.default"}


def test_a_refused_token_is_not_given_again(entra: SimpleNamespace) -> None:
    async def refused() -> tuple[str, str]:
        source = AzureIdentityToken(clock=entra.clock)
        first = await source.get_token()
        return first, await source.get_token(refused=first)

    assert asyncio.run(refused()) == ("token-1", "token-2")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            CredentialUnavailableError("EnvironmentCredential: no variables"),
            ["EnvironmentCredential", "az login"],
        ),
        (ClientAuthenticationError("AADSTS90002: tenant not found"), ["AADSTS90002", "AZURE_TENANT_ID"]),
        (
            ClientAuthenticationError(
                "DefaultAzureCredential failed to retrieve a token from the included credentials.\n"
                "Attempted credentials:\n\tEnvironmentCredential: not configured. Long advice.\n"
                "Visit https://aka.ms/x\n\tAzureCliCredential: Azure CLI not found on path\nTo mitigate ..."
            ),
            ["EnvironmentCredential: not configured; AzureCliCredential: Azure CLI not found", "az login"],
        ),
        (ValueError("Invalid tenant ID provided."), ["Invalid tenant ID", "AZURE_TENANT_ID"]),
    ],
    ids=["no-credentials", "wrong-tenant", "nothing-worked", "no-tenant-id"],
)
def test_without_a_token_the_error_says_what_was_tried_and_which_role_is_needed(
    entra: SimpleNamespace, error: Exception, words: list[str]
) -> None:
    entra.error = error
    source = AzureIdentityToken(clock=entra.clock)

    with pytest.raises(FabricAuthError) as caught:
        asyncio.run(source.get_token())

    said = str(caught.value)
    assert all(word in said for word in words)
    assert "role Contributor" in said or isinstance(error, ValueError)
    assert "aka.ms" not in said


def test_a_network_that_is_down_is_told_from_a_refusal_also_behind_the_chain(entra: SimpleNamespace) -> None:
    entra.error = ClientAuthenticationError(
        "DefaultAzureCredential failed ...\nAttempted credentials:\n\tEnvironmentCredential: Authentication failed: "
        "HTTPSConnection(host='login.microsoftonline.com', port=443): Failed to resolve 'login.microsoftonline.com'"
    )

    with pytest.raises(FabricTransportError, match="Entra cannot be reached") as caught:
        asyncio.run(AzureIdentityToken(clock=entra.clock).get_token())

    assert caught.value.retriable


def test_the_token_goes_to_the_configured_host_only() -> None:
    auth = BearerAuth(httpx.URL("https://api.fabric.microsoft.com/v1"), StaticToken("s3cret"))

    async def send_to(url: str) -> str | None:
        flow = auth.async_auth_flow(httpx.Request("GET", url))
        request = await anext(flow)
        return request.headers.get("Authorization")

    assert asyncio.run(send_to("https://api.fabric.microsoft.com/v1/workspaces")) == "Bearer s3cret"
    for url in (
        "https://evil.example/v1",
        "http://api.fabric.microsoft.com/v1",
        "https://api.fabric.microsoft.com:8443/v1",
    ):
        with pytest.raises(FabricConfigError, match="refused to send the token"):
            asyncio.run(send_to(url))


def test_a_static_token_that_was_refused_is_an_error_without_the_token() -> None:
    with pytest.raises(FabricAuthError, match="FABRIC_ACCESS_TOKEN") as caught:
        asyncio.run(StaticToken("s3cret").get_token(refused="s3cret"))

    assert "s3cret" not in str(caught.value)


def test_a_token_from_a_file_may_end_with_a_line_break() -> None:
    assert asyncio.run(StaticToken("s3cret\n").get_token()) == "s3cret"


@pytest.mark.parametrize("token", ["s3c ret", "s3c\nret", "s3cr\u00e9t", " "])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(FabricConfigError) as caught:
        StaticToken(token)

    assert "s3c" not in str(caught.value)


def test_a_token_is_used_to_its_end_while_entra_cannot_be_reached(entra: SimpleNamespace) -> None:
    async def work() -> tuple[str, str]:
        source = AzureIdentityToken(clock=entra.clock)
        first = await source.get_token()
        entra.clock.now += 3400
        entra.error = ServiceRequestError("connection refused")
        still = await source.get_token()
        entra.clock.now += 300
        with pytest.raises(FabricTransportError, match="cannot be reached"):
            await source.get_token()
        return first, still

    assert asyncio.run(work()) == ("token-1", "token-1")


def test_a_refused_token_is_not_taken_from_azure_identitys_own_cache(
    entra: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cached(self: object, _scope: str) -> SimpleNamespace:
        state = vars(self)
        if "cached" not in state:
            entra.issued += 1
            state["cached"] = SimpleNamespace(
                token=f"token-{entra.issued}", expires_on=entra.clock.now + 3600
            )
        return state["cached"]

    monkeypatch.setattr(DefaultAzureCredential, "get_token", cached)

    async def work() -> tuple[str, str]:
        source = AzureIdentityToken(clock=entra.clock)
        first = await source.get_token()
        return first, await source.get_token(refused=first)

    assert asyncio.run(work()) == ("token-1", "token-2")
