"""High concurrency: which running notebooks share a session."""

from collections.abc import Hashable

NOTEBOOKS_PER_SESSION = 5
"""So many notebooks share one session; one more opens another."""


class SharedSessions:
    """The sessions that are open because notebooks run in them."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[Hashable, set[str]]] = {}

    def join(self, job_instance_id: str, new_livy_id: str, used_for: Hashable) -> tuple[str, bool]:
        """Enter a session that is used for the same and has room, or open one.

        Args:
            job_instance_id: who enters.
            new_livy_id: id of the session if a new one is opened.
            used_for: session tag, default lakehouse, compute settings: all that must be equal.

        Returns:
            The session's id, and whether it was there before.
        """
        for livy_id, (used, users) in self._sessions.items():
            if used == used_for and len(users) < NOTEBOOKS_PER_SESSION:
                users.add(job_instance_id)
                return livy_id, True
        self._sessions[new_livy_id] = (used_for, {job_instance_id})
        return new_livy_id, False

    def leave(self, job_instance_id: str, livy_id: str) -> None:
        """Leave a session; the last one closes it."""
        _, users = self._sessions.get(livy_id, (None, set()))
        users.discard(job_instance_id)
        if not users:
            self._sessions.pop(livy_id, None)
