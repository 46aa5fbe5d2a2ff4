"""How messages speak of a service: its name, its settings, and what an identity needs there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceWords:
    """The words for one service.

    Attributes:
        name: its name.
        example_url: what its base URL looks like.
        token_setting: where a ready token can be configured.
        needed: what an identity needs, as a sentence.
    """

    name: str
    example_url: str
    token_setting: str
    needed: str


FABRIC = ServiceWords(
    name="Fabric",
    example_url="https://api.fabric.microsoft.com/v1",
    token_setting="FABRIC_ACCESS_TOKEN or `access_token`",  # noqa: S106 -- the name of the setting
    needed="The identity needs at least the role Contributor in the workspace (to run its items), and the tenant "
    "setting 'Service principals can use Fabric APIs' if it is a service principal.",
)
