"""Spark on a JVM, for those who have PySpark and Delta Lake installed and ask for it."""

from pathlib import Path
from typing import Any

from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.engine.kernel.spark_names import TableNames
from fabric_assets.local.engine.kernel.sql_text import string_literal
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.sources.default": "delta",
    "spark.ui.enabled": "false",
}


def start_classic_spark(session: KernelSession) -> Any:
    """A Spark session on a JVM of this kernel's own, with the tables that the lakehouses have now.

    Spark itself knows no case there. ``Files/...`` and ``Tables/...`` are found because the lakehouse is the working
    folder; OneLake addresses, and lakehouses with schemas, work with the embedded Spark only.
    """
    import pyspark

    if not (Path(pyspark.__path__[0]) / "jars").is_dir():
        raise NotSupportedLocallyError(
            "FABRIC_LOCAL_SPARK=pyspark needs PySpark with a JVM, but pyspark-client is installed: "
            "pip uninstall pyspark-client && pip install pyspark delta-spark"
        )
    try:
        from delta import configure_spark_with_delta_pip  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise NotSupportedLocallyError(
            "FABRIC_LOCAL_SPARK=pyspark needs Delta Lake: pip install delta-spark"
        ) from error
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[*]").appName(session.notebook)
    settings = {
        **_SETTINGS,
        "spark.sql.warehouse.dir": str(session.scratch / "warehouse"),
        **session.spark_conf,
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = configure_spark_with_delta_pip(builder).getOrCreate()
    names = TableNames(session)
    for namespace in names.namespaces():
        if len(namespace.parts) == 1:
            location = string_literal(str(namespace.folder))
            spark.sql(f"CREATE DATABASE IF NOT EXISTS {namespace.sql} LOCATION {location}")
            for table in names.tables(namespace):
                spark.sql(
                    f"CREATE TABLE {table.sql} USING delta LOCATION {string_literal(str(table.folder))}"
                )
    if names.current:
        spark.sql(f"USE {names.current.sql}")
    return spark
