"""What the resources have in common."""

from typing import Any

import dagster as dg

from fabric_assets import secret
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.near_names import nearest


class BaseResource(dg.ConfigurableResource):
    """A resource that keeps its secrets and refuses what it does not know.

    Fields with ``repr=False`` are secrets.

    Raises:
        FabricConfigError: there is no field of that name.
    """

    def __init__(self, **data: Any) -> None:
        fields = type(self).model_fields
        # Pydantic would pass over a misspelt field in silence, or show its value, which may be a token.
        for name in data.keys() - fields.keys():
            raise FabricConfigError(f"{type(self).__name__} has no field {name!r}{nearest(name, fields)}")
        for name, field in fields.items():
            token = data.get(name)
            if not field.repr and isinstance(token, str) and not isinstance(token, dg.EnvVar):
                data[name] = secret.hide(token)
        super().__init__(**data)
