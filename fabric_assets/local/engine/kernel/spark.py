"""The Spark session of a kernel: an embedded Spark Connect server, without a JVM."""

import os
import threading
from typing import Any

from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

_lock = threading.Lock()
_spark: Any = None
_server: Any = None


class SparkNotAvailableError(Exception):
    """Spark could not be started in this kernel."""


class _NoSpark:
    """Stands for ``spark`` where it could not be started: says why when it is used."""

    def __init__(self, reason: Exception) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        raise SparkNotAvailableError(f"Spark could not be started: {self._reason}") from self._reason


def spark_or_reason(session: KernelSession) -> Any:
    """The Spark session, or an object that raises the reason why there is none."""
    try:
        return spark_session(session)
    except Exception as error:  # noqa: BLE001 - shown to the user at the first use
        return _NoSpark(error)


def spark_session(session: KernelSession) -> Any:
    """The Spark session of this kernel, started at the first call."""
    global _spark
    with _lock:
        if _spark is None:
            _spark = _start(session)
        return _spark


def session_changed(session: KernelSession) -> None:
    """Take over changed settings, if Spark runs already."""
    if _spark is not None:
        for name, value in session.spark_conf.items():
            _spark.conf.set(name, value)


def _start(session: KernelSession) -> Any:
    engine = os.environ.get("FABRIC_LOCAL_SPARK", "")
    if engine == "pyspark":
        from fabric_assets.local.engine.kernel.spark_classic import start_classic_spark

        return start_classic_spark(session)
    if engine not in ("", "sail"):
        raise NotSupportedLocallyError(
            f"FABRIC_LOCAL_SPARK is '{engine}', but may be 'sail' (default) or 'pyspark'"
        )
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer
    from pyspark.sql.connect.session import SparkSession

    from fabric_assets.local.engine.kernel.spark_requests import LocalChannelBuilder

    global _server
    _server = SparkConnectServer("127.0.0.1", 0)
    _server.start(background=True)
    _, port = _server.listening_address
    url = f"sc://127.0.0.1:{port}"
    # A notebook that asks for a session of its own gets this one.
    os.environ["SPARK_REMOTE"] = url
    return SparkSession.builder.channelBuilder(LocalChannelBuilder(url, session)).getOrCreate()
