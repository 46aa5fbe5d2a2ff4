"""The throwaway notebooks that the contract is checked with: made, found again, and surely removed."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import ENDED_STATUSES
from fabric_assets.commands.contract_wire import Answer, Wire, WireError

PREFIX = "fabric_assets_contract_"
"""What the names of all throwaway notebooks begin with."""

EXPECTED_EXIT_VALUE = '["str grün", "int 7", "float 0.5", "bool True"]'
"""What the notebook passes to ``exit`` for ``ARGUMENTS``."""

_STAMP = "%Y%m%dT%H%M%SZ"
_IN_USE = timedelta(minutes=30)

_SOURCE = """# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   }
# META }

# CELL ********************

# Made by `fabric-assets doctor --contract`, which removes it again. If it is still here, it may be deleted.

# PARAMETERS CELL ********************

text = "default"
whole = 0
real = 0.0
yes = False
seconds = 0
fail = False

# CELL ********************

import json
import time

time.sleep(seconds)
if fail:
    raise ValueError("meant to fail")
values = [f"{type(value).__name__} {value}" for value in (text, whole, real, yes)]
notebookutils.notebook.exit(json.dumps(values, ensure_ascii=False))
"""


@dataclass(frozen=True)
class LeftOver:
    """A throwaway notebook of an earlier check."""

    id: str
    name: str
    age: timedelta | None

    @property
    def may_be_in_use(self) -> bool:
        """Whether a check that runs now may have made it."""
        return self.age is not None and self.age < _IN_USE


def generic_parameters(**values: str | float | bool) -> dict[str, object]:
    """Parameters as the generic route takes them."""
    names = {str: "string", int: "int", float: "float", bool: "bool"}
    return {name: {"value": value, "type": names[type(value)]} for name, value in values.items()}


def notebook_route_parameters(**values: str | float | bool) -> list[dict[str, object]]:
    """Parameters as the notebook route takes them."""
    names = {str: "Text", int: "Integer", float: "Number", bool: "Boolean"}
    return [{"name": name, "value": value, "type": names[type(value)]} for name, value in values.items()]


ARGUMENTS: dict[str, str | float | bool] = {"text": "grün", "whole": 7, "real": 0.5, "yes": True}


class Throwaways:
    """The throwaway notebooks of one check.

    Args:
        wire: the service.
        workspace_id: where they are made.
        say: gets a line on what is done.
    """

    def __init__(self, wire: Wire, workspace_id: str, say: Callable[[str], None]) -> None:
        self._wire = wire
        self._workspace = f"/workspaces/{workspace_id}"
        self._say = say
        self._stem = f"{PREFIX}{datetime.now(UTC):{_STAMP}}_{secrets.token_hex(2)}_"
        self._names: dict[str, str] = {}
        self.notebooks: dict[str, str] = {}
        self.removed_with: list[Answer] = []

    async def left_over(self) -> list[LeftOver]:
        """Those that earlier checks left."""
        found, token = [], None
        while True:
            answer = await self._wire.call(
                "GET", f"{self._workspace}/items", params={"continuationToken": token} if token else None
            )
            for item in answer.body.get("value") or ():
                name = str(item.get("displayName", ""))
                if name.startswith(PREFIX) and item.get("type") == "Notebook":
                    found.append(LeftOver(item["id"], name, _age(name)))
            following = answer.body.get("continuationToken")
            if not following or following == token:
                return found
            token = following

    async def make(self, part: str) -> Answer:
        """Make a notebook. Its name is noted first, so that it is found again whatever becomes of the answer.

        Raises:
            WireError: it could not be made.
        """
        name = self._stem + part
        self._names[part] = name
        payload = base64.b64encode(_SOURCE.encode()).decode()
        definition = {
            "format": "FabricGitSource",
            "parts": [{"path": "notebook-content.py", "payload": payload, "payloadType": "InlineBase64"}],
        }
        first = await self._wire.call(
            "POST", f"{self._workspace}/notebooks", body={"displayName": name, "definition": definition}
        )
        if first.status not in (200, 201, 202):
            raise WireError(f"{first} {first.message}")
        done = await self._wire.finished(first)
        notebook_id = done.body.get("id") or await self._id_of(name)
        if not notebook_id:
            raise WireError(f"{first}, but there is no notebook {name}")
        self.notebooks[part] = str(notebook_id)
        return first

    async def _id_of(self, name: str) -> str | None:
        return next((found.id for found in await self.left_over() if found.name == name), None)

    async def remove(self) -> list[str]:
        """Cancel what runs, and remove the notebooks; also those whose making was not answered.

        Returns:
            The names of those that could not be removed.
        """
        unanswered = set(self._names) - set(self.notebooks)
        if unanswered:
            names = {self._names[part] for part in unanswered}
            try:
                for found in await self.left_over():
                    if found.name in names:
                        self.notebooks[found.name] = found.id
            except FabricError as error:
                self._say(f"could not look for {', '.join(sorted(names))}: {error}")
        async with asyncio.TaskGroup() as group:
            for notebook_id in self.notebooks.values():
                group.create_task(self._cancel_all(notebook_id))
        failed = []
        for part, notebook_id in self.notebooks.items():
            if not await self.remove_one(notebook_id):
                failed.append(self._names.get(part, part))
        return failed

    async def remove_one(self, notebook_id: str) -> bool:
        """Remove a notebook; whether it is gone."""
        for _ in range(3):
            try:
                answer = await self._wire.call("DELETE", f"{self._workspace}/items/{notebook_id}")
            except FabricError as error:
                self._say(f"could not remove notebook {notebook_id}: {error}")
            else:
                self.removed_with.append(answer)
                if answer.status < 300 or answer.status == 404:
                    return True
            await asyncio.sleep(1.0)
        return False

    async def _cancel_all(self, notebook_id: str) -> None:
        """Cancel what runs of a notebook, by the service's own list: of a start that was not answered, too."""
        path = f"{self._workspace}/items/{notebook_id}/jobs/instances"
        try:
            for entry in (await self._wire.call("GET", path)).body.get("value") or ():
                if entry.get("status") not in ENDED_STATUSES:
                    await self._wire.call("POST", f"{path}/{entry.get('id')}/cancel")
        except FabricError as error:
            self._say(f"could not cancel what runs of notebook {notebook_id}: {error}")


def _age(name: str) -> timedelta | None:
    try:
        made = datetime.strptime(name.removeprefix(PREFIX).partition("_")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return datetime.now(UTC) - made
