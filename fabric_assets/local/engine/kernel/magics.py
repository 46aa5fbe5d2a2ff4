"""Fabric's magics."""

import json
import re
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from fabric_assets.local.engine.kernel.display import display
from fabric_assets.local.engine.kernel.notebooks import run_inline
from fabric_assets.local.engine.kernel.session import current_session
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

_INSTALLS = re.compile(r"\b(?:pip\d*|conda|mamba|uv|easy_install|apt(?:-get)?)\b.*\b(?:install|add|sync)\b")
_UNSUPPORTED = {
    "spark": "Scala cells (%%spark)",
    "sparkr": "R cells (%%sparkr)",
    "csharp": "C# cells (%%csharp)",
    "tsql": "T-SQL cells (%%tsql)",
}


def register(shell: Any) -> None:
    """Register all magics, over IPython's own of the same name."""
    shell.register_magic_function(no_var_expand(_run), "line", "run")
    shell.register_magic_function(no_var_expand(_sql), "cell", "sql")
    shell.register_magic_function(no_var_expand(_configure), "cell", "configure")
    for name in ("pyspark", "python"):
        shell.register_magic_function(lambda line, cell: _python(shell, line, cell), "cell", name)
    for name, what in _UNSUPPORTED.items():
        shell.register_magic_function(_unsupported(what), "line_cell", name)
    for name in ("pip", "conda", "mamba", "micromamba", "uv"):
        shell.register_magic_function(_refuse_install, "line", name)
    for name in ("system", "getoutput"):
        setattr(shell, name, _without_installs(getattr(shell, name)))


def _run(line: str) -> None:
    """``%run Name`` or ``%run Name {"parameter": value}``."""
    __tracebackhide__ = True
    name, brace, rest = line.partition("{")
    name = re.sub(r"^-\w+\s+", "", name.strip()).strip()
    if not name:
        raise UsageError("%run needs the name of a notebook, for example: %run Functions")
    parameters: dict[str, Any] = {}
    if brace:
        try:
            parameters = json.loads(brace + rest)
        except json.JSONDecodeError as error:
            raise UsageError(f"the parameters of %run {name} are not a JSON object: {error.msg}") from error
    parameters.pop("useRootDefaultLakehouse", None)
    run_inline(name, parameters)


def _sql(line: str, cell: str) -> None:
    """``%%sql``: all statements in order; the result of the last one is shown and kept as ``_sqldf``."""
    __tracebackhide__ = True
    from fabric_assets.local.engine.kernel.spark import spark_session
    from fabric_assets.local.engine.kernel.sql_text import split_statements

    session = current_session()
    if session.context.kernel != "synapse_pyspark":
        raise NotSupportedLocallyError(
            "%%sql needs a Spark notebook (kernel synapse_pyspark); this is a Python notebook"
        )
    spark = spark_session(session)
    result = None
    for statement in split_statements(f"{line}\n{cell}"):
        result = spark.sql(statement)
        session.namespace["_sqldf"] = result
    if result is not None and result.columns:
        display(result)


def _configure(line: str, cell: str) -> None:
    """``%%configure``: the default lakehouse and Spark settings are taken over, the rest is named."""
    session = current_session()
    try:
        settings = json.loads(cell)
    except json.JSONDecodeError as error:
        raise UsageError(f"%%configure needs a JSON object: {error.msg} in line {error.lineno}") from error
    settings = {name: _setting(value) for name, value in settings.items()}
    lakehouse = settings.pop("defaultLakehouse", None)
    if lakehouse:
        wanted = {name: _setting(value) for name, value in lakehouse.items()}
        found = session.onelake.find(str(wanted.get("id") or "")) or session.onelake.get(
            str(wanted.get("name") or "")
        )
        session.set_default_lakehouse(found)
    conf = settings.pop("conf", None)
    if isinstance(conf, dict):
        session.spark_conf.update({name: str(_setting(value)) for name, value in conf.items()})
    from fabric_assets.local.engine.kernel.spark import session_changed

    session_changed(session)
    if settings:
        print(f"%%configure: noted, without effect locally: {', '.join(sorted(settings))}")  # noqa: T201


def _setting(value: Any) -> Any:
    if isinstance(value, dict) and "parameterName" in value:
        parameters = {name.lower(): given for name, given in current_session().context.parameters.items()}
        return parameters.get(str(value["parameterName"]).lower(), value.get("defaultValue"))
    return value


def _python(shell: Any, line: str, cell: str) -> None:
    del line
    shell.run_cell(cell).raise_error()


def _unsupported(what: str) -> Any:
    def magic(line: str, cell: str | None = None) -> None:
        del line, cell
        raise NotSupportedLocallyError(
            f"{what} are not supported by the local Fabric; run this notebook in Fabric"
        )

    return magic


def _refuse_install(line: str) -> None:
    del line
    raise NotSupportedLocallyError(
        "the local Fabric installs no packages from notebooks, because it runs in your own environment; "
        "install the package there yourself and remove this line (in Fabric: put it into an environment)"
    )


def _without_installs(original: Any) -> Any:
    def checked(command: str, *args: Any, **kwargs: Any) -> Any:
        if _INSTALLS.search(command):
            _refuse_install(command)
        return original(command, *args, **kwargs)

    return checked
