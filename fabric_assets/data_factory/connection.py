"""Which data factory is meant: settings and environment variables to an address, a factory and a token."""

from dataclasses import dataclass, field

from fabric_assets.client.auth import (
    AzureIdentityToken,
    StaticToken,
    TokenSource,
    checked_api_url,
    is_loopback,
)
from fabric_assets.client.data_factory_client import ARM_SCOPE, DEFAULT_ARM_URL, words_for
from fabric_assets.client.data_factory_models import Factory
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.connection import resolve_connection, setting

SUBSCRIPTION_VARIABLE = "FABRIC_ADF_SUBSCRIPTION_ID"
RESOURCE_GROUP_VARIABLE = "FABRIC_ADF_RESOURCE_GROUP"
FACTORY_VARIABLE = "FABRIC_ADF_FACTORY"
ARM_URL_VARIABLE = "FABRIC_ARM_URL"
ARM_ACCESS_TOKEN_VARIABLE = "FABRIC_ARM_ACCESS_TOKEN"  # noqa: S105 -- the name of the variable

LOCAL_NAME = "local"
"""Subscription, resource group and, unless it is set, factory of the local Fabric."""


@dataclass(frozen=True)
class DataFactoryConnection:
    """One data factory as one identity.

    Attributes:
        arm_url: base URL of Azure Resource Manager.
        factory: the factory.
        access_token: a ready token; ``None``: azure-identity fetches them.
    """

    arm_url: str
    factory: Factory
    access_token: str | None = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(checked_api_url(self.arm_url, words_for(self.factory)).host)

    def token_source(self) -> TokenSource:
        """Where its tokens come from."""
        words = words_for(self.factory)
        if self.access_token:
            return StaticToken(self.access_token, words)
        return AzureIdentityToken(ARM_SCOPE, words=words)


def resolve_data_factory(
    *,
    subscription_id: str | None,
    resource_group: str | None,
    factory: str | None,
    arm_url: str | None,
    access_token: str | None,
    home: str | None,
    start_local: bool = True,
) -> DataFactoryConnection | None:
    """The data factory that is configured; without a subscription that of the embedded local Fabric.

    Args:
        subscription_id: field of the resource; as all of these, the environment stands in if it is unset.
        resource_group: field ``resource_group``.
        factory: field ``factory``.
        arm_url: field ``arm_url``.
        access_token: field ``access_token``.
        home: field ``local_home``.
        start_local: whether to start the local Fabric if it does not run.

    Returns:
        The connection; ``None`` only if the local Fabric is meant, does not run, and must not be started.

    Raises:
        FabricConfigError: a setting is missing, or the local Fabric cannot be started.
    """
    known = {
        SUBSCRIPTION_VARIABLE: setting(subscription_id, SUBSCRIPTION_VARIABLE),
        RESOURCE_GROUP_VARIABLE: setting(resource_group, RESOURCE_GROUP_VARIABLE),
        FACTORY_VARIABLE: setting(factory, FACTORY_VARIABLE),
    }
    url = setting(arm_url, ARM_URL_VARIABLE)
    if known[SUBSCRIPTION_VARIABLE] is None and url is None:
        local = resolve_connection(
            workspace=None, api_url=None, access_token=None, home=home, start_local=start_local
        )
        if local is None:
            return None
        if local.is_local:
            return DataFactoryConnection(
                arm_url=local.api_url.rstrip("/").removesuffix("/v1"),
                factory=Factory(
                    LOCAL_NAME,
                    known[RESOURCE_GROUP_VARIABLE] or LOCAL_NAME,
                    known[FACTORY_VARIABLE] or LOCAL_NAME,
                ),
                access_token=local.access_token,
            )
    missing = [variable for variable, value in known.items() if value is None]
    if missing:
        raise FabricConfigError(
            f"no data factory is configured: {' and '.join(missing)} not set. Set them, or the resource's fields "
            "`subscription_id`, `resource_group` and `factory`. The local Fabric is used only where neither an Azure "
            "subscription nor a Fabric workspace is set."
        )
    subscription, group, name = (str(value) for value in known.values())
    return DataFactoryConnection(
        arm_url=url or DEFAULT_ARM_URL,
        factory=Factory(subscription, group, name),
        access_token=setting(access_token, ARM_ACCESS_TOKEN_VARIABLE),
    )
