"""Executes other notebooks in this kernel: ``%run``, ``notebook.run``."""

import ast
import linecache
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from fabric_assets.local.engine.kernel.cells import code_of, injection_index, parameters_code
from fabric_assets.local.engine.kernel.session import NotebookExit, current_session
from fabric_assets.local.lakehouse import nearest
from fabric_assets.local.notebook_source import NotebookSource, NotebookSourceError, parse_notebook


class NotebookNotFoundError(Exception):
    """A notebook that the workspace does not have."""


class NotebookRunError(Exception):
    """A notebook that another one ran, and that failed."""


def find_notebook(name: str) -> tuple[str, NotebookSource]:
    """Display name and source of a notebook of the workspace, by a name without case.

    Raises:
        NotebookNotFoundError: there is none of that name, or it cannot be read.
    """
    notebooks = current_session().context.notebooks
    wanted = name.strip().strip("\"'").replace("\\", "/").rpartition("/")[2]
    known = next((known for known in notebooks if known.lower() == wanted.lower()), None)
    if known is None:
        raise NotebookNotFoundError(
            f"notebook '{wanted}' was not found in the workspace; {nearest(wanted, notebooks)}"
        )
    try:
        return known, parse_notebook(Path(notebooks[known]))
    except NotebookSourceError as error:
        raise NotebookNotFoundError(f"notebook '{known}' cannot be read: {error}") from error


def run_inline(name: str, parameters: Mapping[str, Any]) -> None:
    """Execute all cells of a notebook as if they stood in the cell that asks for it (``%run``)."""
    __tracebackhide__ = True
    known, source = find_notebook(name)
    _execute(known, source, parameters, current_session().namespace)


def run_called(name: str, parameters: Mapping[str, Any], timeout_seconds: float) -> str:
    """Execute a notebook with variables of its own and return its exit value (``notebook.run``).

    Raises:
        NotebookNotFoundError: there is no such notebook.
        NotebookRunError: it failed, or took longer than the time-out.
    """
    from fabric_assets.local.engine.kernel.startup import predefined_names

    session = current_session()
    known, source = find_notebook(name)
    namespace = ModuleType("__main__").__dict__
    namespace |= {**predefined_names(), "get_ipython": _shell_function()}
    if "spark" in session.namespace:
        namespace["spark"] = session.namespace["spark"]
    try:
        with (
            session.calling_notebook(known),
            session.using_namespace(namespace),
            _time_limit(timeout_seconds, known),
        ):
            _execute(known, source, parameters, namespace)
    except NotebookExit as end:
        return end.value
    except Exception as error:
        where = getattr(error, "__notes__", None) or [f"notebook '{known}'"]
        raise NotebookRunError(f"{where[0]} failed: {type(error).__name__}: {error}") from error
    return ""


def _execute(
    name: str, source: NotebookSource, parameters: Mapping[str, Any], namespace: dict[str, Any]
) -> None:
    __tracebackhide__ = True
    cells = [(cell.index + 1, code_of(cell)) for cell in source.cells if cell.kind != "markdown"]
    if parameters:
        place = injection_index(source)
        before = [entry for entry in cells if entry[0] <= place]
        cells = [*before, (0, parameters_code(source, parameters)), *cells[len(before) :]]
    for number, code in cells:
        if code.strip():
            try:
                _execute_cell(
                    f"<{name}, cell {number}>" if number else f"<{name}, parameters>", code, namespace
                )
            except Exception as error:
                error.add_note(f"notebook '{name}', cell {number}")
                raise


def _execute_cell(label: str, code: str, namespace: dict[str, Any]) -> None:
    from fabric_assets.local.engine.kernel.startup import prepare_cell

    __tracebackhide__ = True
    prepare_cell(namespace, code)
    shell = _shell_function()()
    text = shell.transform_cell(code)
    linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
    tree = shell.transform_ast(ast.parse(text, label))
    exec(compile(tree, label, "exec"), namespace)  # noqa: S102 - executing the user's notebook is what this is for


def _shell_function() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython


@contextmanager
def _time_limit(seconds: float, name: str) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_alarm(*_: Any) -> None:
        raise TimeoutError(f"notebook '{name}' took longer than {seconds:g} seconds (timeout_seconds)")

    previous_handler = signal.signal(signal.SIGALRM, on_alarm)
    previous_left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, previous_left)
        signal.signal(signal.SIGALRM, previous_handler)
