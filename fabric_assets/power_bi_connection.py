"""Which Power BI is meant: the one beside Fabric, or the routes that the local Fabric has for it."""

from dataclasses import dataclass, field

from fabric_assets.client.auth import AzureIdentityToken, StaticToken, TokenSource, checked_api_url
from fabric_assets.client.power_bi_client import POWER_BI, POWER_BI_SCOPE, POWER_BI_URL
from fabric_assets.connection import Connection, setting

POWER_BI_URL_VARIABLE = "FABRIC_POWER_BI_URL"
POWER_BI_TOKEN_VARIABLE = "FABRIC_POWER_BI_ACCESS_TOKEN"  # noqa: S105 -- the name of the variable

_LOCAL_PATH = "/v1.0/myorg"


@dataclass(frozen=True)
class PowerBiConnection:
    """One Power BI as one identity.

    Attributes:
        api_url: base URL of its API.
        access_token: a ready token; ``None``: azure-identity fetches them.
    """

    api_url: str
    access_token: str | None = field(repr=False)

    def token_source(self) -> TokenSource:
        """Where its tokens come from."""
        if self.access_token:
            return StaticToken(self.access_token, POWER_BI)
        return AzureIdentityToken(POWER_BI_SCOPE, words=POWER_BI)


def resolve_power_bi(
    connection: Connection, *, url: str | None, access_token: str | None
) -> PowerBiConnection:
    """The Power BI that goes with a Fabric. A token of Fabric is given to no other host than Fabric's own.

    Where the local Fabric stands in for Power BI, a token that is configured for Power BI is not meant for it.

    Args:
        connection: the Fabric.
        url: field ``power_bi_url`` of the resource; as of the token, the environment stands in if it is unset.
        access_token: field ``power_bi_access_token``.

    Raises:
        FabricConfigError: the URL cannot be used.
    """
    fabric_url = checked_api_url(connection.api_url)
    configured = setting(url, POWER_BI_URL_VARIABLE)
    if configured is None and connection.is_local:
        return PowerBiConnection(str(fabric_url.copy_with(path=_LOCAL_PATH)), connection.access_token)
    found = checked_api_url(configured or POWER_BI_URL, POWER_BI)
    token = setting(access_token, POWER_BI_TOKEN_VARIABLE)
    if token is None and (found.scheme, found.netloc) == (fabric_url.scheme, fabric_url.netloc):
        token = connection.access_token
    return PowerBiConnection(str(found), token)
