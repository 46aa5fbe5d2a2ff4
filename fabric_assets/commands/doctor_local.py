"""What the doctor looks at on this machine if the embedded local Fabric is meant."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fabric_assets.client.errors import FabricConfigError
from fabric_assets.commands.doctor_report import Report
from fabric_assets.commands.fabric_choice import ChosenFabric
from fabric_assets.connection import LOCAL_HOME_VARIABLE, Connection, local_home

_PACKAGES = (
    "starlette",
    "uvicorn",
    "nbclient",
    "nbformat",
    "nbconvert",
    "ipykernel",
    "deltalake",
    "pandas",
    "pyarrow",
)
_SPARK_PACKAGES = ("pysail", "pyspark")
_ENGINE_SECONDS = 60
_LEAST_FREE_BYTES = 500_000_000

_KERNEL = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3", startup_timeout=40)
try:
    answer = client.execute_interactive("21 * 2", timeout=20, store_history=False, output_hook=lambda _: None)
    raise SystemExit(answer["content"]["status"] != "ok")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""
_SPARK = """
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
assert server.listening_address
server.stop()
"""


def examine_local(report: Report, chosen: ChosenFabric, prefix: str) -> Connection | None:
    """Look at what the local Fabric needs, and start it if it does not run.

    Returns:
        Its connection; ``None`` if it cannot run.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        report.problem(
            f"{prefix}local Fabric",
            f"no workspace is configured, and the embedded local Fabric misses the packages {', '.join(missing)}",
            "pip install 'fabric_assets[local]', or set FABRIC_WORKSPACE_ID to use a workspace of Fabric.",
        )
        for name in ("local folder", "local server", "local engine"):
            report.skipped(prefix + name, "the extra `local` is not installed")
        return None
    home = local_home(chosen.resource.local_home)
    if not _folder(report, chosen, home, prefix):
        for name in ("local server", "local engine"):
            report.skipped(prefix + name, "its folder cannot be used")
        return None
    connection = _server(report, chosen, prefix)
    _engine(report, prefix)
    return connection


def _folder(report: Report, chosen: ChosenFabric, home: Path, prefix: str) -> bool:
    name, source = f"{prefix}local folder", chosen.source_of("local_home", LOCAL_HOME_VARIABLE)
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        report.problem(
            name,
            f"{home} ({source}) cannot be written: {error.strerror or error}",
            f"Make it writable, or name another folder in {LOCAL_HOME_VARIABLE}.",
        )
        return False
    if free < _LEAST_FREE_BYTES:
        report.warning(name, f"{home} ({source}): {free / 1e6:.0f} MB are left on the disk", "Make room.")
    else:
        report.ok(name, f"{home} ({source}) is writable, {free / 1e9:.0f} GB are free")
    return True


def _server(report: Report, chosen: ChosenFabric, prefix: str) -> Connection | None:
    name = f"{prefix}local server"
    began = time.monotonic()
    try:
        running = chosen.connection(start_local=False)
        connection = running or chosen.connection()
    except FabricConfigError as error:
        report.problem(
            name, str(error), "`fabric-assets local` runs it in the foreground and shows what it says."
        )
        return None
    assert connection is not None  # noqa: S101 -- with start_local it is never None
    how = "runs" if running else f"was started in {time.monotonic() - began:.1f} s"
    report.ok(name, f"{how} at {connection.api_url}; it ends by itself when it is not used")
    return connection


def _engine(report: Report, prefix: str) -> None:
    name, began = f"{prefix}local engine", time.monotonic()
    if (reason := _failure(_KERNEL)) is not None:
        report.problem(
            name,
            f"no notebook kernel can be started: {reason}",
            "pip install --force-reinstall ipykernel jupyter_client",
        )
        return
    kernel = f"a kernel answers after {time.monotonic() - began:.1f} s"
    missing = [package for package in _SPARK_PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        report.warning(
            name,
            f"{kernel}; Spark notebooks cannot run: {', '.join(missing)} is not installed",
            "pip install 'fabric_assets[local]'",
        )
    elif (reason := _failure(_SPARK)) is not None:
        report.problem(
            name,
            f"{kernel}, but Spark (pysail) cannot be started: {reason}",
            "pip install --force-reinstall pysail",
        )
    else:
        report.ok(name, f"{kernel}, and Spark (pysail) starts")


def _failure(program: str) -> str | None:
    """Why a program fails, ``None`` if it does not."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    try:
        done = subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=_ENGINE_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_ENGINE_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"it ended with exit code {done.returncode}"
