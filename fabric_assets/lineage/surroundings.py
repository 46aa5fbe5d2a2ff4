"""What names mean at some point of a notebook: temporary views, the current lakehouse and schema."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fabric_assets.lineage.frames import Frame

if TYPE_CHECKING:
    from fabric_assets.lineage.session import Session


@dataclass(frozen=True)
class Surroundings:
    """Temporary views by name, and the lakehouse and schema that are current."""

    views: dict[str, Frame]
    lakehouse: str
    schema: str

    @classmethod
    def of(cls, session: "Session") -> "Surroundings":
        """Those of now."""
        return cls(dict(session.views), session.resolver.default_lakehouse, session.resolver.current_schema)

    def restore(self, session: "Session") -> None:
        """Make these current again."""
        session.views = dict(self.views)
        session.resolver.default_lakehouse, session.resolver.current_schema = self.lakehouse, self.schema

    def change(self, session: "Session", before: "Surroundings") -> None:
        """Do once more what led from those before to these."""
        for name in before.views:
            if name not in self.views:
                session.views.pop(name, None)
        changed = {name: view for name, view in self.views.items() if before.views.get(name) is not view}
        session.views.update(changed)
        if (self.lakehouse, self.schema) != (before.lakehouse, before.schema):
            session.resolver.default_lakehouse, session.resolver.current_schema = self.lakehouse, self.schema
