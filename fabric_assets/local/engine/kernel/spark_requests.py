"""Looks at every request to the embedded Spark, and puts names and paths in it right."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pyspark.sql.connect.proto as pb2
from pyspark.sql.connect.client import DefaultChannelBuilder
from pyspark.sql.connect.proto.base_pb2_grpc import SparkConnectServiceStub

from fabric_assets.local.engine.kernel.delta_log import make_columns_nullable, newest_version
from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.engine.kernel.spark_names import Namespace, TableName, TableNames
from fabric_assets.local.engine.kernel.spark_paths import SparkPaths
from fabric_assets.local.engine.kernel.spark_sql import SqlLocalizer, SqlStatement
from fabric_assets.local.engine.kernel.spark_statements import NOTHING, prepared
from fabric_assets.local.engine.kernel.sql_text import string_literal

_SETTINGS = {"spark.sql.sources.default": "delta"}
_PATHS_OPTION = "path"


class LocalChannelBuilder(DefaultChannelBuilder):
    """Opens channels whose requests go through `SparkRequests`."""

    def __init__(self, url: str, session: KernelSession) -> None:
        super().__init__(url, channelOptions=[("grpc.enable_http_proxy", 0)])
        self._session = session

    def toChannel(self) -> grpc.Channel:  # noqa: N802 - PySpark's name
        """The channel for a Spark session."""
        channel = super().toChannel()
        return grpc.intercept_channel(channel, SparkRequests(self._session, _stub_of(channel)))


def _stub_of(channel: grpc.Channel) -> Any:
    return SparkConnectServiceStub(channel)  # type: ignore[no-untyped-call]


class SparkRequests(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """Rewrites plans on their way to the server, and registers the tables that they name.

    A Spark session of the embedded server has a catalog of its own in memory; which tables there are is decided
    by the folders of the lakehouses, so each is registered when it is first named, and what is gone is forgotten.
    """

    def __init__(self, session: KernelSession, stub: Any) -> None:
        self._session = session
        self._stub = stub
        self._lock = threading.RLock()
        self._catalogs: dict[str, _Catalog] = {}

    def intercept_unary_unary(self, continuation: Callable, details: Any, request: Any) -> Any:
        """Schemas, explanations and other questions about a plan."""
        if isinstance(request, pb2.AnalyzePlanRequest):
            self._localize(request)
        return continuation(details, request)

    def intercept_unary_stream(self, continuation: Callable, details: Any, request: Any) -> Any:
        """Queries and commands."""
        if isinstance(request, pb2.ExecutePlanRequest):
            self._localize(request)
        return continuation(details, request)

    def _localize(self, request: Any) -> None:
        with self._lock:
            catalog = self._catalogs.get(request.session_id)
            if catalog is None:
                catalog = self._catalogs[request.session_id] = _Catalog(self._session, self._stub, request)
            catalog.prepare()
            catalog.localize(request)


class _Catalog:
    """The catalog of one Spark session."""

    def __init__(self, session: KernelSession, stub: Any, request: Any) -> None:
        self._session = session
        self._stub = stub
        self._session_id = request.session_id
        self._user_context = request.user_context
        self._namespaces: set[tuple[str, ...]] = set()
        self._registered: dict[str, TableName] = {}
        self._used: Namespace | None = None
        self.names = TableNames(session)
        self._paths = SparkPaths(session.scratch)
        self.localizer = SqlLocalizer(self.names, self.local_path, self.register)
        self.set_conf({**_SETTINGS, **session.spark_conf})

    def prepare(self) -> None:
        """Make the current namespace Spark's current database."""
        current = self.names.current
        if current and current != self._used:
            self.register_namespace(current)
            self.execute(f"USE DATABASE {current.sql}")
            self._used = current

    def local_path(self, path: str, creates: bool = False) -> str:
        """Where a path of Fabric lies, as Spark can handle it."""
        return self._paths.for_spark(self._session.local_path(path), creates=creates)

    def register_namespace(self, namespace: Namespace) -> None:
        """Make a lakehouse or schema known to Spark."""
        for length in range(1, len(namespace.parts) + 1):
            parts = namespace.parts[:length]
            if parts not in self._namespaces:
                outer = Namespace(parts, namespace.folder)
                location = string_literal(self._paths.for_spark(str(namespace.folder)))
                self.execute(f"CREATE DATABASE IF NOT EXISTS {outer.sql} LOCATION {location}")
                self._namespaces.add(parts)

    def register(self, table: TableName) -> None:
        """Make a table known to Spark, or let Spark forget it if it is gone."""
        self.register_namespace(table.namespace)
        known = self._registered.get(table.sql)
        if (known and known.folder != table.folder) or (known and not table.exists):
            self.execute(f"DROP TABLE IF EXISTS {table.sql}")
            del self._registered[table.sql]
            known = None
        if table.exists and not known:
            location = string_literal(self._paths.for_spark(str(table.folder)))
            self.execute(f"CREATE TABLE IF NOT EXISTS {table.sql} USING delta LOCATION {location}")
            self._registered[table.sql] = table

    def register_all(self, namespace: Namespace | None) -> None:
        """Make all tables of a namespace known, for statements that list them."""
        if namespace:
            self.register_namespace(namespace)
            for table in self.names.tables(namespace):
                self.register(table)

    def execute(self, sql: str) -> None:
        """Execute a statement of our own."""
        self._run(pb2.Command(sql_command=pb2.SqlCommand(input=pb2.Relation(sql=pb2.SQL(query=sql)))))

    def _run(self, command: Any) -> None:
        plan = pb2.Plan(command=command)
        request = pb2.ExecutePlanRequest(
            session_id=self._session_id, user_context=self._user_context, plan=plan
        )
        for _ in self._stub.ExecutePlan(request):
            pass

    def overwrite(self, table: TableName, query: str, partition_columns: list[str]) -> None:
        """Replace a table, its columns too, by the result of a query."""
        relation = pb2.Relation(sql=pb2.SQL(query=self.localizer.localize(query)))
        write = pb2.WriteOperation(
            input=relation,
            source="delta",
            table=_save_table(table),
            mode=pb2.WriteOperation.SAVE_MODE_OVERWRITE,
            partitioning_columns=partition_columns,
            options={"overwriteSchema": "true"},
        )
        self.write(write)

    def create_from_query(self, sql: str, table: TableName, folder: Path) -> None:
        """Execute a statement that makes a table of a query."""
        version = newest_version(folder)
        self.execute(self.localizer.localize(sql))
        self._relax(table, folder, version)

    def write(self, write: Any) -> None:
        """Write a DataFrame."""
        options = {name.lower(): value for name, value in write.options.items()}
        path = write.path or options.get("path")
        table = (
            self.names.table(SqlStatement.parse(write.table.table_name).chain(0))
            if write.table.table_name
            else None
        )
        folder = Path(self.local_path(path)) if path else table.folder if table else None
        if folder is None or write.source.lower() not in ("", "delta"):
            self._run(pb2.Command(write_operation=write))
            return
        version = newest_version(folder)
        self._run(pb2.Command(write_operation=write))
        self._relax(table, folder, version)

    def _relax(self, table: TableName | None, folder: Path, version: int) -> None:
        """Let new columns be null, and Spark read the table's columns anew."""
        if make_columns_nullable(folder, version) and table:
            self.execute(f"DROP TABLE IF EXISTS {table.sql}")
            location = string_literal(self._paths.for_spark(str(folder)))
            self.execute(f"CREATE TABLE {table.sql} USING delta LOCATION {location}")

    def set_conf(self, settings: dict[str, str]) -> None:
        """Set Spark settings."""
        pairs = [pb2.KeyValue(key=name, value=value) for name, value in settings.items()]
        operation = pb2.ConfigRequest.Operation(set=pb2.ConfigRequest.Set(pairs=pairs))
        self._stub.Config(
            pb2.ConfigRequest(
                session_id=self._session_id, user_context=self._user_context, operation=operation
            )
        )

    def localize(self, message: Any) -> None:
        """Put names and paths right, in this message and all that it holds."""
        handler = _HANDLERS.get(message.DESCRIPTOR.full_name)
        if handler:
            handler(self, message)
        for descriptor, value in message.ListFields():
            if descriptor.message_type is None:
                continue
            if descriptor.message_type.GetOptions().map_entry:
                values = (
                    list(value.values())
                    if descriptor.message_type.fields_by_name["value"].message_type
                    else []
                )
            elif hasattr(value, "DESCRIPTOR"):
                values = [value]
            else:
                values = list(value)
            for each in values:
                self.localize(each)


def _sql(catalog: _Catalog, message: Any) -> None:
    message.query = catalog.localizer.localize(prepared(message.query, catalog))


def _sql_command(catalog: _Catalog, message: Any) -> None:
    if message.sql:
        message.sql = catalog.localizer.localize(prepared(message.sql, catalog))


def _named_table(catalog: _Catalog, message: Any) -> None:
    message.unparsed_identifier = catalog.localizer.localize_name(message.unparsed_identifier)


def _data_source(catalog: _Catalog, message: Any) -> None:
    message.paths[:] = [catalog.local_path(path) for path in message.paths]
    _path_option(catalog, message)


def _path_option(catalog: _Catalog, message: Any) -> None:
    for name in message.options:
        if name.lower() == _PATHS_OPTION:
            message.options[name] = catalog.local_path(message.options[name])


def _write(catalog: _Catalog, message: Any) -> None:
    if message.HasField("path"):
        message.path = catalog.local_path(message.path, creates=message.source.lower() in ("", "delta"))
    if message.HasField("table"):
        message.table.table_name = catalog.localizer.localize_name(message.table.table_name, creates=True)
    _path_option(catalog, message)


def _command(catalog: _Catalog, message: Any) -> None:
    if message.HasField("write_operation_v2"):
        _replace_v2(catalog, message)
    if message.HasField("write_operation"):
        catalog.localize(message.write_operation)
        catalog.write(message.write_operation)
        message.Clear()
        message.sql_command.input.sql.query = NOTHING


def _replace_v2(catalog: _Catalog, message: Any) -> None:
    """Write ``writeTo(table).create()`` and ``.replace()`` with the older command, which the embedded Spark masters."""
    write, modes = message.write_operation_v2, pb2.WriteOperationV2
    table = catalog.names.table(SqlStatement.parse(write.table_name).chain(0))
    columns = [
        expression.unresolved_attribute.unparsed_identifier for expression in write.partitioning_columns
    ]
    if write.mode not in (modes.MODE_CREATE, modes.MODE_REPLACE, modes.MODE_CREATE_OR_REPLACE) or not all(
        columns
    ):
        return
    if (
        table is None
        or write.provider.lower() not in ("", "delta")
        or (write.mode == modes.MODE_REPLACE and not table.exists)
    ):
        return
    replaces = write.mode != modes.MODE_CREATE and table.exists
    options = {**write.options, "overwriteSchema": "true"} if replaces else dict(write.options)
    kind = (
        pb2.WriteOperation.SAVE_MODE_OVERWRITE if replaces else pb2.WriteOperation.SAVE_MODE_ERROR_IF_EXISTS
    )
    replacement = pb2.WriteOperation(
        input=write.input,
        source="delta",
        table=_save_table(table),
        mode=kind,
        partitioning_columns=columns,
        options=options,
    )
    message.write_operation.CopyFrom(replacement)


def _save_table(table: TableName) -> Any:
    method = pb2.WriteOperation.SaveTable.TABLE_SAVE_METHOD_SAVE_AS_TABLE
    return pb2.WriteOperation.SaveTable(table_name=table.sql, save_method=method)


def _write_v2(catalog: _Catalog, message: Any) -> None:
    message.table_name = catalog.localizer.localize_name(message.table_name, creates=True)


def _merge(catalog: _Catalog, message: Any) -> None:
    message.target_table_name = catalog.localizer.localize_name(message.target_table_name)


def _create_view(catalog: _Catalog, message: Any) -> None:
    message.name = message.name.lower()
    catalog.names.views.add(message.name)


def _drop_view(catalog: _Catalog, message: Any) -> None:
    message.view_name = message.view_name.lower()
    catalog.names.views.discard(message.view_name)


def _catalog_table(catalog: _Catalog, message: Any) -> None:
    name = message.table_name
    if message.HasField("db_name"):
        name = f"{message.db_name}.{name}"
        message.ClearField("db_name")
    message.table_name = catalog.localizer.localize_name(name)


def _catalog_database(catalog: _Catalog, message: Any) -> None:
    namespace = catalog.names.current
    if message.db_name:
        namespace = catalog.names.namespace(tuple(message.db_name.replace("`", "").split(".")))
        if namespace:
            message.db_name = namespace.sql
    if namespace is None:
        return
    if message.DESCRIPTOR.name == "SetCurrentDatabase":
        catalog.names.use(namespace)
    if message.DESCRIPTOR.name == "ListTables":
        catalog.register_all(namespace)
    else:
        catalog.register_namespace(namespace)


_HANDLERS: dict[str, Callable[[_Catalog, Any], None]] = {
    "spark.connect.Command": _command,
    "spark.connect.SQL": _sql,
    "spark.connect.SqlCommand": _sql_command,
    "spark.connect.Read.NamedTable": _named_table,
    "spark.connect.Read.DataSource": _data_source,
    "spark.connect.WriteOperation": _write,
    "spark.connect.WriteOperationV2": _write_v2,
    "spark.connect.MergeIntoTableCommand": _merge,
    "spark.connect.CreateDataFrameViewCommand": _create_view,
    "spark.connect.DropTempView": _drop_view,
    "spark.connect.TableExists": _catalog_table,
    "spark.connect.GetTable": _catalog_table,
    "spark.connect.ListColumns": _catalog_table,
    "spark.connect.ListTables": _catalog_database,
    "spark.connect.SetCurrentDatabase": _catalog_database,
    "spark.connect.DatabaseExists": _catalog_database,
    "spark.connect.GetDatabase": _catalog_database,
}
