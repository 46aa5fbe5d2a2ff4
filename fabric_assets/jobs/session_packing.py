"""Session tags for notebooks that share Spark sessions: few sessions, each as full as Fabric allows."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

NOTEBOOKS_PER_SESSION = 5
"""So many notebooks can share a Spark session at a time (Fabric's documentation of high concurrency mode)."""


class SessionPacker:
    """Hands out session tags.

    It counts within its process. Where each step has a process of its own all of them get the first tag, and Fabric
    opens a further session for each sixth notebook by itself.
    """

    def __init__(self) -> None:
        self._users: Counter[str] = Counter()

    @contextmanager
    def tag(self, scope: str, equal: Hashable) -> Iterator[str]:
        """A session tag with room for one more notebook.

        Args:
            scope: who shares: the id of a Dagster run.
            equal: what must be equal to share: workspace, default lakehouse, compute settings.
        """
        digest = hashlib.sha256(repr((scope, equal)).encode()).hexdigest()[:12]
        number = 1
        while self._users[f"{digest}-{number}"] >= NOTEBOOKS_PER_SESSION:
            number += 1
        tag = f"{digest}-{number}"
        self._users[tag] += 1
        try:
            yield tag
        finally:
            self._users[tag] -= 1
            if not self._users[tag]:
                del self._users[tag]
