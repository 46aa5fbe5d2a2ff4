"""What a bearer token says about itself. It is read and never shown, checked by nobody but Fabric."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FABRIC_AUDIENCES = (
    "https://api.fabric.microsoft.com",
    "https://analysis.windows.net/powerbi/api",
    "00000009-0000-0000-c000-000000000000",
)
"""What tokens for Fabric are issued for: itself, Power BI by name, Power BI by id."""


@dataclass(frozen=True)
class TokenClaims:
    """The claims that tell for whom a token is, and how long.

    Attributes:
        user: sign-in name of a user.
        app_id: id of the application that asked for it; of the service principal if it acts for itself.
        object_id: id of the user or service principal, by which roles are given.
        is_app: it stands for a service principal or managed identity, not for a user.
    """

    user: str | None
    app_id: str | None
    object_id: str | None
    tenant_id: str | None
    audience: str | None
    expires: datetime | None
    is_app: bool

    @property
    def whom(self) -> str:
        """For whom it is."""
        if self.user:
            return f"user {self.user}"
        if self.is_app or self.app_id:
            return f"service principal {self.app_id or 'without an app id'}"
        return "somebody that it does not name"

    @property
    def is_for_fabric(self) -> bool:
        """Whether it was issued for Fabric; true if it does not say for what."""
        return self.audience is None or self.audience.rstrip("/").lower() in FABRIC_AUDIENCES


def read_claims(token: str) -> TokenClaims | None:
    """The claims of a token; ``None`` if it is no JSON web token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims: Any = json.loads(base64.urlsafe_b64decode(payload))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None

    def text(*names: str) -> str | None:
        return next((str(claims[name]) for name in names if claims.get(name)), None)

    expires = claims.get("exp")
    try:
        moment = datetime.fromtimestamp(float(expires), UTC) if expires is not None else None
    except (TypeError, ValueError, OverflowError, OSError):
        moment = None
    return TokenClaims(
        user=text("upn", "unique_name", "preferred_username"),
        app_id=text("appid", "azp"),
        object_id=text("oid"),
        tenant_id=text("tid"),
        audience=text("aud"),
        expires=moment,
        is_app=claims.get("idtyp") == "app",
    )
