"""Prepares the shell of a kernel before the first cell."""

import os
import re
import warnings
from pathlib import Path
from typing import Any

from fabric_assets.local.engine.kernel import display, magics, notebookutils
from fabric_assets.local.engine.kernel.absent_modules import explain_absent_modules
from fabric_assets.local.engine.kernel.context import KernelContext
from fabric_assets.local.engine.kernel.library_paths import resolve_paths_in_libraries
from fabric_assets.local.engine.kernel.mounted_paths import MountedPaths
from fabric_assets.local.engine.kernel.output_limit import limit_output
from fabric_assets.local.engine.kernel.session import KernelSession, NotebookExit, start_session

_USES_SPARK = re.compile(r"\bspark\b|\bpyspark\b|SparkSession|^\s*%%sql", re.MULTILINE)


def start(shell: Any, context_file: Path) -> KernelSession:
    """Give the shell what a notebook of Fabric finds: session, magics, predefined names."""
    context = KernelContext.read(context_file)
    context_file.unlink()
    session = start_session(context, context_file.parent, shell.user_ns)
    if session.default_lakehouse:
        session.set_default_lakehouse(session.default_lakehouse)
    os.environ["FABRIC_LOCAL_JOB_INSTANCE"] = context.job_instance_id
    # Notices about versions of libraries that the user did not choose.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    shell.ast_transformers.append(MountedPaths(session))
    resolve_paths_in_libraries(session)
    explain_absent_modules()
    shell.set_custom_exc((NotebookExit,), _show_exit)
    shell.events.register("pre_run_cell", lambda info: prepare_cell(shell.user_ns, info.raw_cell or ""))
    limit_output(shell, context.output_limit)
    magics.register(shell)
    notebookutils.install()
    shell.user_ns.update(predefined_names())
    return session


def predefined_names() -> dict[str, Any]:
    """What a notebook finds without an import."""
    return {
        "notebookutils": notebookutils,
        "mssparkutils": notebookutils,
        "display": display.display,
        "displayHTML": display.display_html,
    }


def prepare_cell(namespace: dict[str, Any], code: str) -> None:
    """Start Spark before the first cell that speaks of it: most Python cells do not need it."""
    from fabric_assets.local.engine.kernel.session import current_session

    if "spark" in namespace or current_session().context.kernel != "synapse_pyspark":
        return
    if _USES_SPARK.search(code):
        from fabric_assets.local.engine.kernel.spark import spark_or_reason

        namespace["spark"] = spark_or_reason(current_session())


def _show_exit(
    shell: Any, exception_type: Any, value: NotebookExit, traceback: Any, tb_offset: Any = None
) -> None:
    del shell, exception_type, traceback, tb_offset
    from IPython.display import publish_display_data

    publish_display_data({"text/plain": f"ExitValue: {value.value}"})  # type: ignore[no-untyped-call]
