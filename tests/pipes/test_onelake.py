"""Messages through OneLake: the notebook writes to its mounted lakehouse, Dagster reads over HTTP."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster_pipes import PipesContext, PipesUnityCatalogVolumesMessageWriter

from fabric_assets.client.auth import StaticToken
from fabric_assets.connection import Connection
from fabric_assets.pipes import files, onelake_files
from fabric_assets.pipes.settings import PARAMETER, PipesFiles
from tests.pipes import onelake
from tests.pipes.conftest import Studio, known, log_lines, talk


@dataclass(frozen=True)
class Lake:
    """OneLake with the folder of ``Curated``, which the notebook sees as mounted."""

    server: onelake.OneLakeServer
    mount: Path

    @property
    def folder(self) -> Path:
        return self.mount / "Files" / ".dagster_pipes"

    def pipes(self, **options: object) -> PipesFiles:
        settings = {"poll_seconds": 0.05, "last_messages_seconds": 0.0, "mount": str(self.mount), **options}
        return PipesFiles(lakehouse="Curated", **settings)


@pytest.fixture
def lake(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The lakehouse in OneLake, as a workspace has it that is not local; both served over HTTP."""
    url = f"{studio.fabric.url}/workspaces/{studio.fabric.workspace_id}/lakehouses"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {studio.fabric.token}"}).json()
    (item_id,) = [item["id"] for item in answer["value"]]
    mount = tmp_path / "onelake" / studio.fabric.workspace_id / item_id
    (mount / "Files").mkdir(parents=True)
    with onelake.serve(tmp_path / "onelake") as server:
        monkeypatch.setattr(Connection, "is_local", False)
        monkeypatch.setattr(onelake_files, "_url", server.url)
        monkeypatch.setattr(onelake_files, "_tokens", StaticToken(server.token))
        yield Lake(server, mount)


def speak(pipes: PipesContext) -> None:
    pipes.log.info("loading")
    pipes.report_asset_materialization({"rows": 7})
    pipes.close()


def say_much(pipes: PipesContext) -> None:
    for number in range(300):
        pipes.log.info(f"line {number}")
    pipes.close()


def test_messages_arrive_and_the_file_is_removed(studio: Studio, lake: Lake) -> None:
    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(lake.pipes()), instance=instance)
        lines = log_lines(instance, result.run_id)

    assert known(result)["rows"] == 7
    assert "loading" in lines
    assert lake.folder.is_dir()
    assert not list(lake.folder.iterdir())


def test_the_folder_of_another_asset_is_left_alone(studio: Studio, lake: Lake) -> None:
    lake.folder.mkdir()
    (lake.folder / "of another").write_text("")

    assert studio.materialize(talk(lake.pipes())).success
    assert [file.name for file in lake.folder.iterdir()] == ["of another"]


def test_chunks_arrive_in_their_order(studio: Studio, lake: Lake) -> None:
    studio.engine.speak = speak
    studio.engine.writer = lambda: PipesUnityCatalogVolumesMessageWriter(interval=0)

    assert known(studio.materialize(talk(lake.pipes(chunks=True))))["rows"] == 7
    assert not list(lake.folder.iterdir())


def test_each_message_arrives_once_through_faults_and_in_small_parts(
    studio: Studio, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onelake_files, "LONGEST_READ", 777)
    studio.engine.speak = say_much
    lake.server.refusals["GET"] = [500, 503, 429, 404, 502, 408]
    lake.server.refusals["PUT"] = [503, 500]
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(lake.pipes(last_messages_seconds=60)), instance=instance)
        lines = [line for line in log_lines(instance, result.run_id) if line.startswith("line ")]

    assert lines == [f"line {number}" for number in range(300)]


def test_a_file_that_may_not_be_read_is_one_warning(studio: Studio, lake: Lake) -> None:
    studio.engine.speak = speak
    lake.server.forever["GET"] = 403
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(lake.pipes()), instance=instance)
        warnings = log_lines(instance, result.run_id, logging.WARNING)

    assert result.success
    (warning,) = [text for text in warnings if "cannot be read; its job instance runs on" in text]
    assert any("not all messages of the notebook arrived; they are kept in" in text for text in warnings)
    assert len(list(lake.folder.iterdir())) == 1
    assert "this identity may not read it (HTTP 403)" in warning
    assert "https://onelake.dfs.fabric.microsoft.com/" in warning


def test_a_folder_that_may_not_be_written_lets_the_notebook_run_without_messages(
    studio: Studio, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(studio.engine), "_run", lambda *_: None)
    lake.server.forever["PUT"] = 403
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(lake.pipes()), instance=instance)
        (warning,) = log_lines(instance, result.run_id, logging.WARNING)

    assert result.success
    assert PARAMETER not in studio.engine.parameters[0]
    assert "asset Talk: the notebook runs, but without messages from it" in warning
    assert "this identity may not create it (HTTP 403)" in warning


def test_no_token_for_onelake_lets_the_notebook_run_without_messages(
    studio: Studio, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(studio.engine), "_run", lambda *_: None)
    monkeypatch.setattr(onelake_files, "_tokens", StaticToken("expired"))
    # The client of the process keeps its token source.
    monkeypatch.setattr(onelake_files, "_clients", {})
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(lake.pipes()), instance=instance)
        (warning,) = log_lines(instance, result.run_id, logging.WARNING)

    assert result.success
    assert "without messages from it" in warning
    assert "expired" not in warning.replace("has expired", "")


def test_a_file_that_cannot_be_removed_fails_nothing(studio: Studio, lake: Lake) -> None:
    lake.server.forever["DELETE"] = 403

    assert studio.materialize(talk(lake.pipes())).success
    assert len(list(lake.folder.iterdir())) == 1


def test_both_kinds_of_folder_say_the_same_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fabric_assets.jobs import background_loop

    folder = tmp_path / "ws" / "lake" / "Files"
    with onelake.serve(tmp_path) as server:
        monkeypatch.setattr(onelake_files, "_url", server.url)
        monkeypatch.setattr(onelake_files, "_tokens", StaticToken(server.token))
        for kind in (files.LocalFiles(folder), onelake_files.OneLakeFiles("ws", "lake", "Files")):

            async def work(kind: files.Files = kind) -> None:
                assert await kind.read("a b/ä.json", 0) == b""
                await kind.make_folder("a b")
                await kind.make_folder("a b")
                (folder / "a b" / "ä.json").write_bytes(b"0123456789")
                assert await kind.read("a b/ä.json", 0) == b"0123456789"
                assert await kind.read("a b/ä.json", 7) == b"789"
                assert await kind.read("a b/ä.json", 10) == await kind.read("a b/ä.json", 99) == b""
                await kind.remove("a b/ä.json", folder=False)
                await kind.remove("a b/ä.json", folder=False)
                assert not (folder / "a b" / "ä.json").exists()
                (folder / "a b" / "1.json").write_bytes(b"")
                await kind.remove("a b", folder=True)
                await kind.remove("a b", folder=True)
                assert not (folder / "a b").exists()

            background_loop.call(work)
