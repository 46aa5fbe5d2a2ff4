"""Starting on demand, ending, and the command line; each with real processes."""

import argparse
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from local_api import Api

import fabric_assets.local
from fabric_assets.local import (
    LocalFabric,
    LocalFabricError,
    ServedFabric,
    command,
    connect,
    process,
    serve_in_thread,
)
from fabric_assets.local.home import LocalHome
from fabric_assets.local.server import ServerSettings, serve
from fabric_assets.local.server_file import read_server_file, sign_of_life, write_server_file

DEADLINE_SECONDS = 60
CONNECT = (
    "import sys; from pathlib import Path; from fabric_assets.local import connect; "
    "fabric = connect(Path(sys.argv[1]), timeout_seconds=60); print(fabric.pid, fabric.url)"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[LocalHome]:
    """A home whose server, if a test leaves one, is stopped."""
    home = LocalHome(tmp_path / "home")
    yield home
    if home.root.is_dir():
        process.stop(home.root)


def eventually(reached: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def spawn(home: LocalHome, *options: str) -> subprocess.Popen[str]:
    """Run the server in the foreground of a process of its own."""
    arguments = [sys.executable, "-m", "fabric_assets.local", "--home", str(home.root), *options]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running(home: LocalHome) -> LocalFabric:
    """The server of a home, as soon as it answers."""

    def look() -> LocalFabric | None:
        found = read_server_file(home)
        return found if found is not None and sign_of_life(found) is not None else None

    return eventually(look)


def api_of(fabric: LocalFabric) -> Api:
    return Api(ServedFabric(fabric.url, fabric.workspace_id, fabric.token, fabric.pid, None))  # type: ignore[arg-type]


def script(tmp_path: Path, **content: Any) -> str:
    file = tmp_path / "script.json"
    file.write_text(json.dumps(content))
    return str(file)


class TestConnect:
    def test_ten_processes_at_once_get_one_server_that_outlives_them(self, home: LocalHome) -> None:
        def ask(_: int) -> str:
            arguments = [sys.executable, "-c", CONNECT, str(home.root)]
            return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(ask, range(10)))
        assert len(set(answers)) == 1
        fabric = connect(home.root)
        assert answers[0].split() == [str(fabric.pid), fabric.url]
        assert "token" not in repr(fabric)
        assert fabric.token not in home.server_log.read_text()
        with api_of(fabric) as api:
            assert "AquaVilla_LoadDimCalendar" in api.ids()

    def test_a_killed_server_is_replaced_and_what_it_ran_has_failed(
        self, home: LocalHome, tmp_path: Path
    ) -> None:
        simulate = script(tmp_path, notebooks=["Long"], job_instances=[{"never_ends": True}])
        with spawn(home, "--simulate", simulate) as first:
            fabric = running(home)
            with api_of(fabric) as api:
                url = api.start("Long")
            first.kill()
        assert home.server_file.exists()
        again = connect(home.root)
        assert again.pid != fabric.pid
        assert (again.url, again.token) == (fabric.url, fabric.token)
        with api_of(again) as api:
            body = api.get_json(url)
        assert body["status"] == "Failed"
        assert body["failureReason"]["errorCode"] == "LocalFabricStopped"

    def test_a_stranger_on_the_old_port_is_not_sent_the_token(self, home: LocalHome) -> None:
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            stranger.listen()
            port = stranger.getsockname()[1]
            home.root.mkdir()
            write_server_file(
                home, LocalFabric(f"http://127.0.0.1:{port}/v1", "w", "secret-token", os.getpid())
            )
            heard: list[bytes] = []

            def answer() -> None:
                connection, _ = stranger.accept()
                with connection:
                    heard.append(connection.recv(10_000))
                    connection.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"proof": "none", "version": "1"}')

            with ThreadPoolExecutor(1) as pool:
                answered = pool.submit(answer)
                found = read_server_file(home)
                assert found is not None
                assert sign_of_life(found) is None
                answered.result(timeout=10)
        assert b"GET /alive" in heard[0]
        assert b"secret-token" not in heard[0]

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "http://evil.example/v1"}'])
    def test_an_unreadable_server_file_is_as_good_as_none(self, tmp_path: Path, content: str) -> None:
        home = LocalHome(tmp_path)
        home.server_file.write_text(content)
        assert read_server_file(home) is None

    def test_a_server_of_another_version_is_replaced(
        self, home: LocalHome, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = connect(home.root)
        monkeypatch.setattr(process, "code_version", lambda: "another version")
        second = connect(home.root)
        assert second.pid != first.pid

    def test_a_server_of_another_version_is_kept_while_it_runs_job_instances(
        self, home: LocalHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(process, "code_version", lambda: "another version")
        long = {"notebooks": ["Long"], "job_instances": [{"never_ends": True}]}
        with serve_in_thread(home.root, script=long) as fabric, Api(fabric) as api:
            api.start("Long")
            assert connect(home.root).url == fabric.url
        assert "is kept" in caplog.text

    def test_a_server_that_hangs_is_named_with_the_command_that_stops_it(
        self, home: LocalHome, tmp_path: Path
    ) -> None:
        with spawn(home) as server:
            fabric = running(home)
            server.send_signal(signal.SIGSTOP)
            with pytest.raises(LocalFabricError) as raised:
                connect(home.root, timeout_seconds=1)
            assert f"process {fabric.pid}" in str(raised.value)
            assert f"fabric-assets local --stop --home {home.root}" in str(raised.value)
            server.send_signal(signal.SIGCONT)
            assert process.stop(home.root)

    def test_the_end_of_the_log_is_shown_when_a_server_dies_while_starting(self, home: LocalHome) -> None:
        home.root.mkdir()
        home.state_file.write_bytes(b"no database at all" * 100)
        with pytest.raises(LocalFabricError) as raised:
            connect(home.root)
        assert "ended while it was starting" in str(raised.value)
        assert f"mv {home.state_file}" in str(raised.value)

    def test_a_home_that_is_no_folder_is_explained(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(LocalFabricError, match="export FABRIC_LOCAL_HOME="):
            connect(tmp_path / "file" / "home")

    def test_a_full_disk_is_explained(self, home: LocalHome, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", "x")

        monkeypatch.setattr(Path, "mkdir", full)
        with pytest.raises(LocalFabricError, match=r"is full.*rm -r"):
            connect(home.root)

    def test_a_missing_extra_is_named(self, home: LocalHome, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(LocalFabricError, match=r"pip install 'fabric_assets\[local\]'"):
            connect(home.root)

    def test_importing_it_loads_no_server(self) -> None:
        check = "import sys, fabric_assets.local; sys.exit('starlette' in sys.modules or 'dagster' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


class TestEnd:
    def test_an_unused_server_ends_by_itself(self, home: LocalHome) -> None:
        with spawn(home, "--idle-seconds", "0.3") as server:
            assert server.wait(DEADLINE_SECONDS) == 0
        assert not home.server_file.exists()
        assert not process.is_running(home)

    def test_it_ends_when_its_folder_is_deleted(self, home: LocalHome) -> None:
        with spawn(home) as server:
            running(home)
            shutil.rmtree(home.root)
            assert server.wait(DEADLINE_SECONDS) == 0

    def test_a_server_in_a_thread_is_not_stopped_like_a_process(self, home: LocalHome) -> None:
        with serve_in_thread(home.root), pytest.raises(LocalFabricError, match="thread of this process"):
            process.stop(home.root)

    def test_a_running_job_instance_keeps_it_alive(self, home: LocalHome) -> None:
        long = {"notebooks": ["Long"], "job_instances": [{"run_seconds": 1.0}]}
        with serve_in_thread(home.root, script=long, idle_seconds=0.2) as fabric:
            with Api(fabric) as api:
                url = api.start("Long")
            eventually(lambda: not process.is_running(home))
        with serve_in_thread(home.root, script=long) as fabric, Api(fabric) as api:
            assert api.get_json(url)["status"] == "Completed"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_a_signal_ends_it_cleanly(self, home: LocalHome, tmp_path: Path, number: signal.Signals) -> None:
        simulate = script(tmp_path, notebooks=["Long"], job_instances=[{"never_ends": True}])
        with spawn(home, "--simulate", simulate) as server:
            with api_of(running(home)) as api:
                url = api.start("Long")
            server.send_signal(number)
            assert server.wait(DEADLINE_SECONDS) == 0
        assert not home.server_file.exists()
        with serve_in_thread(home.root) as fabric, Api(fabric) as api:
            body = api.get_json(url)
            assert (body["status"], body["failureReason"]["errorCode"]) == ("Failed", "LocalFabricStopped")

    def test_who_served_gets_its_signal_handlers_back(self, home: LocalHome) -> None:
        def own(_number: int, _frame: object) -> None:
            pass

        before = {signal.SIGINT: own, signal.SIGTERM: signal.SIG_IGN, signal.SIGHUP: signal.SIG_DFL}
        replaced = {number: signal.signal(number, handler) for number, handler in before.items()}
        try:
            serve(
                ServerSettings(home, with_sample=False, idle_seconds=0.1),
                lambda *_: signal.raise_signal(signal.SIGINT),
            )
            assert {number: signal.getsignal(number) for number in before} == before
        finally:
            for number, handler in replaced.items():
                signal.signal(number, handler)


class TestCommand:
    def run(self, *options: str) -> int:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args(options))

    def test_the_default_home_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parser = argparse.ArgumentParser()
        monkeypatch.setenv("FABRIC_LOCAL_HOME", "elsewhere")
        command.add_arguments(parser)
        assert parser.parse_args([]).home == Path("elsewhere")

    def test_status_and_stop(self, home: LocalHome, capsys: pytest.CaptureFixture[str]) -> None:
        options = ("--home", str(home.root))
        assert self.run("--status", *options) == 1
        assert self.run("--stop", *options) == 0
        fabric = connect(home.root)
        assert self.run("--status", *options) == 0
        shown = capsys.readouterr().out
        assert fabric.url in shown
        assert fabric.workspace_id in shown
        assert fabric.token not in shown
        assert self.run("--stop", *options) == 0
        assert not process.is_running(home)

    def test_the_foreground_shows_address_token_items_and_broken_items(self, home: LocalHome) -> None:
        bad = home.workspaces / "Local" / "Bad.Notebook"
        bad.mkdir(parents=True)
        show = (
            "import argparse; from fabric_assets.local.command import *; parser = argparse.ArgumentParser(); "
            "add_arguments(parser); run(parser.parse_args())"
        )
        arguments = [sys.executable, "-c", show, "--home", str(home.root)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
            fabric = running(home)
            server.terminate()
            shown = server.communicate(timeout=DEADLINE_SECONDS)[0]
        for expected in (
            fabric.url,
            fabric.workspace_id,
            fabric.token,
            "1 items",
            "Bad.Notebook: its folder has no",
        ):
            assert expected in shown

    def test_a_second_one_is_refused(
        self, api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run("--home", str(tmp_path / "home")) == 1
        assert "already running" in capsys.readouterr().err

    def test_a_bad_script_is_refused(self, home: LocalHome, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("--home", str(home.root), "--simulate", "missing.json") == 1
        assert "missing.json" in capsys.readouterr().err


def test_the_public_names_exist() -> None:
    assert fabric_assets.local.__all__ == sorted(fabric_assets.local.__all__)
    for name in fabric_assets.local.__all__:
        assert getattr(fabric_assets.local, name) is not None
    with pytest.raises(AttributeError):
        fabric_assets.local.nothing  # noqa: B018
