"""Requests that go wrong on the way, as a script says."""

import json
import random
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase

from starlette.responses import Response

from fabric_assets.local.script import Fault


class Faults:
    """Counts fitting requests and tells which fault meets which.

    Args:
        faults: tried in this order; the first that is due is used.
        seed: for faults with a rate.
    """

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._faults = list(faults)
        self._met: Counter[int] = Counter()
        self._used: Counter[int] = Counter()
        self._draw = random.Random(f"{seed}/faults")  # noqa: S311

    def add(self, fault: Fault) -> None:
        """Add a fault to a running server."""
        self._faults.append(fault)

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, counted as met."""
        for index, fault in enumerate(self._faults):
            if fault.method not in ("*", method) or not fnmatchcase(path.casefold(), fault.path.casefold()):
                continue
            self._met[index] += 1
            if self._met[index] <= fault.skip or self._used[index] == fault.times:
                continue
            if fault.rate == 1 or self._draw.random() < fault.rate:
                self._used[index] += 1
                return fault
        return None


def fault_response(fault: Fault) -> Response:
    """What a fault with a status answers."""
    headers = dict(fault.headers)
    if fault.body is None or isinstance(fault.body, str):
        text = fault.body or ""
        return Response(text, status_code=fault.status or 500, headers=headers, media_type="text/html")
    content = json.dumps(fault.body)
    return Response(content, status_code=fault.status or 500, headers=headers, media_type="application/json")
