"""The Spark session of a kernel: an embedded Spark Connect server, without a JVM."""

import os
import threading
from typing import Any

from fabric_assets.local.engine.kernel.session import KernelSession

_lock = threading.Lock()
_spark: Any = None


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
    global _spark  # noqa: PLW0603 - a kernel process has one Spark session
    with _lock:
        if _spark is None:
            _spark = _start(session)
        return _spark


def session_changed(session: KernelSession) -> None:
    """Take over a changed default lakehouse and changed settings, if Spark runs already."""
    if _spark is not None:
        _configure(_spark, session)


def _start(session: KernelSession) -> Any:
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
    spark._fabric_server = server
    for lakehouse in session.onelake.lakehouses:
        spark.sql(
            f"CREATE DATABASE IF NOT EXISTS `{lakehouse.name.lower()}` LOCATION '{lakehouse.tables_folder}'"
        )
        for table in lakehouse.tables():
            if table.is_delta:
                spark.sql(
                    f"CREATE TABLE `{lakehouse.name.lower()}`.`{table.name.lower()}` USING delta LOCATION '{table.folder}'"
                )
    _configure(spark, session)
    return spark


def _configure(spark: Any, session: KernelSession) -> None:
    spark.conf.set("spark.sql.sources.default", "delta")
    if session.default_lakehouse:
        spark.sql(f"USE DATABASE `{session.default_lakehouse.name.lower()}`")
