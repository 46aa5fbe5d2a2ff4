import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest

from fabric_assets.local.engine import KernelEngine
from tests.local.engine_home import EngineHome, Executed

DEADLINE_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path) -> EngineHome:
    return EngineHome(tmp_path / "home")


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s for: {what}"
        time.sleep(0.05)


class _Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_a_python_notebook_gets_its_parameters_and_returns_its_exit_value(home: EngineHome) -> None:
    home.add(
        "Load",
        "#MARKDOWN\n# Title <script>alert(1)</script>\n\n[link](javascript:alert(1))",
        "#PARAMETERS\nRecreate = False\nname: str = 'x'\nlimit = 1.5\n",
        "import json, os, sys\nfor i in range(3):\n    print('line', i)\n",
        "displayHTML('<table><thead><tr><th>head</th></tr></thead></table><script>alert(2)</script>'\n"
        '  \'<img src="https://example.org/x.png" onerror="alert(3)"><iframe src="https://example.org"></iframe>\')',
        "notebookutils.notebook.exit(json.dumps([Recreate, name, limit, extra, os.getcwd(),"
        " 'pandas' in sys.modules, 'pyspark' in sys.modules]))",
        "raise ValueError('never reached')",
    )
    executed = home.run("Load", {"recreate": True, "NAME": "Köln's \"\n", "LIMIT": float("inf"), "extra": 7})
    assert executed.value == [
        True,
        "Köln's \"\n",
        float("inf"),
        7,
        str(home.lakehouse("Curated")),
        False,
        False,
    ]
    injected = executed.document["cells"][2]
    assert injected["metadata"]["tags"] == ["injected-parameters"]
    assert injected["source"][1].startswith("Recreate = True")
    assert executed.text(3) == "line 0\nline 1\nline 2\n"
    assert executed.outputs(6) == []
    page = executed.page
    for expected in ("Load", "Completed", "recreate = true", "Exit value", "line 2", "Title"):
        assert expected in page
    parsed = _Parsed(page)
    assert not parsed.tags & {"script", "iframe", "link", "object", "embed", "form"}
    assert not parsed.attributes & {"src", "onerror", "onclick", "style", "srcset"}
    assert not any(link.startswith(("javascript:", "data:")) for link in parsed.links)
    assert "@import" not in page
    assert "url(" not in page
    assert "<th>head</th>" in page


def test_the_failing_cell_is_named_with_its_error(home: EngineHome) -> None:
    home.add(
        "Fails",
        "#MARKDOWN\ntext",
        "print('before')",
        "def inner():\n    raise KeyError('Straße')\n\ninner()",
        "print('after')",
    )
    executed = home.run("Fails")
    assert executed.error.error_code == "NotebookExecutionFailed"
    first = executed.error.message.splitlines()[0]
    assert first == "Cell 3 failed: KeyError: 'Straße'"
    assert "inner()" in executed.error.message
    assert "\x1b" not in executed.error.message
    assert executed.result.exit_value is None
    assert executed.outputs(2)[0]["ename"] == "KeyError"
    assert executed.outputs(3) == []
    assert "Failed" in executed.page
    assert "Cell 3 failed: KeyError" in executed.page


EXIT_CASES = {
    "function": (
        "def end():\n    try:\n        mssparkutils.notebook.exit('value')\n    except Exception:\n        pass\n"
        "end()"
    ),
    "bare-except": "try:\n    mssparkutils.notebook.exit('value')\nexcept:\n    pass\nprint('rest of the cell')",
    "run-notebook": "%run Ends",
    "finally": "import notebookutils.notebook as n\ntry:\n    n.exit('value')\nfinally:\n    print('cleaned')",
}


def test_exit_ends_the_notebook_wherever_it_is_called(home: EngineHome) -> None:
    home.add(
        "Ends", "import mssparkutils\nmssparkutils.notebook.exit('value')", "raise ValueError('Ends went on')"
    )
    for name, cell in EXIT_CASES.items():
        home.add(name, cell, "raise ValueError('went on')")
    engine = KernelEngine(home.home)

    async def run_all() -> list[Executed]:
        executions = [home.execution(name) for name in EXIT_CASES]
        results = await asyncio.gather(*(engine.execute(each, lambda: None) for each in executions))
        return [Executed(execution, result) for execution, result in zip(executions, results, strict=True)]

    for executed in asyncio.run(run_all()):
        assert executed.result.error is None, executed.execution.notebook
        assert executed.result.exit_value == "value", executed.execution.notebook


def test_notebooks_run_other_notebooks(home: EngineHome) -> None:
    home.add("Functions", "#PARAMETERS\nfactor = 2", "def scaled(x):\n    return x * factor", lakehouse="")
    home.add(
        "Child",
        "#PARAMETERS\nn = 1\nmode = 'ok'",
        "%run functions",
        "own = scaled(n)\nif mode == 'fail': raise RuntimeError('child broke')\nwhile mode == 'long':\n    pass",
        "import notebookutils\ncontext = notebookutils.runtime.context\n"
        "notebookutils.notebook.exit(f\"{own} {context['currentNotebookName']} {context['isReferenceRun']}\")",
    )
    home.add(
        "Parent",
        '%run Functions {"factor": 5}',
        "import json, notebookutils\nfound = {'scaled': scaled(2)}",
        "found['child'] = notebookutils.notebook.run('Child', 60, {'N': 21})",
        "found['leaked'] = 'own' in globals() or 'context' in globals()",
        """
def error_of(call):
    try:
        call()
    except Exception as error:
        return f'{type(error).__name__}: {error}'

run = notebookutils.notebook.run
found['failed'] = error_of(lambda: run('Child', 60, {'mode': 'fail'}))
found['late'] = error_of(lambda: run('Child', 0.2, {'mode': 'long'}))
found['missing'] = error_of(lambda: run('Chid'))
""",
        """
dag = {'activities': [
    {'name': 'second', 'path': 'Child', 'args': {'n': 4, 'mode': "@activity('first').exitValue()"},
     'dependencies': ['first']},
    {'name': 'first', 'path': 'Child', 'args': {'n': 3}},
]}
found['dag'] = notebookutils.notebook.runMultiple(dag)
found['list'] = notebookutils.notebook.runMultiple(['Child'])
""",
        """
dag['activities'][1]['args'] = {'mode': 'fail'}
try:
    notebookutils.notebook.runMultiple(dag)
except Exception as error:
    found['broken dag'] = error.result
    found['broken dag message'] = str(error)
dag['activities'][1]['dependencies'] = ['second']
found['circle'] = error_of(lambda: notebookutils.notebook.validateDAG(dag))
""",
        "notebookutils.notebook.exit(json.dumps(found))",
    )
    found = home.run("Parent").value
    assert found["scaled"] == 10
    assert found["child"] == "42 Child True"
    assert found["leaked"] is False
    assert found["failed"] == "NotebookRunError: notebook 'Child', cell 3 failed: RuntimeError: child broke"
    assert "took longer than 0.2 seconds" in found["late"]
    assert found["missing"].startswith("NotebookNotFoundError: notebook 'Chid' was not found")
    assert "'Child'" in found["missing"]
    assert found["dag"] == {
        "first": {"exitVal": "6 Child True", "exception": None},
        "second": {"exitVal": "8 Child True", "exception": None},
    }
    assert found["list"]["Child"]["exitVal"] == "2 Child True"
    assert "child broke" in found["broken dag"]["first"]["exception"]
    assert "'first' failed" in found["broken dag"]["second"]["exception"]
    assert "2 of 2 notebooks failed" in found["broken dag message"]
    assert "in a circle" in found["circle"]


def test_a_failure_in_a_run_notebook_names_its_cell(home: EngineHome) -> None:
    home.add("Broken", "x = 1", "1 / 0")
    home.add("Caller", "%run Broken")
    home.add("Lost", "%run Brokn")
    error = home.run("Caller").error
    assert "ZeroDivisionError" in error.message
    assert "Broken, cell 2" in error.message
    lost = home.run("Lost").error
    assert "notebook 'Brokn' was not found in the workspace; nearest: 'Broken'" in lost.message


def test_what_the_local_fabric_cannot_do_says_so(home: EngineHome) -> None:
    attempts = {
        "scala": "get_ipython().run_cell_magic('spark', '', 'val x = 1')",
        "r": "get_ipython().run_cell_magic('sparkr', '', 'x')",
        "tsql": "get_ipython().run_cell_magic('tsql', '', 'select 1')",
        "sql": "get_ipython().run_cell_magic('sql', '', 'select 1')",
        "pip": "get_ipython().run_line_magic('pip', 'install nothing')",
        "shell pip": "get_ipython().system('python -m pip install nothing')",
        "secret": "notebookutils.credentials.getSecret('vault', 'name')",
        "mount": "notebookutils.fs.mount('abfss://x', '/y')",
        "storage": "notebookutils.fs.ls('s3://bucket/x')",
        "attribute": "notebookutils.variableLibrary",
        "function": "notebookutils.fs.fancy('x')",
        "stdin": "input('name? ')",
        "delta": "from delta.tables import DeltaTable",
        "missing file": "notebookutils.fs.ls('Files/none')",
        "workspace": "notebookutils.notebook.run('Try', 5, {}, 'Elsewhere')",
    }
    cells = [
        f"try:\n    {code}\nexcept Exception as error:\n    found[{name!r}] = f'{{type(error).__name__}}: {{error}}'"
        for name, code in attempts.items()
    ]
    home.add("Try", "import json\nfound = {}", *cells, "notebookutils.notebook.exit(json.dumps(found))")
    found = home.run("Try").value
    assert found.keys() == attempts.keys()
    assert "Scala cells (%%spark) are not supported" in found["scala"]
    assert "R cells" in found["r"]
    assert "T-SQL cells" in found["tsql"]
    assert "needs a Spark notebook" in found["sql"]
    assert "installs no packages" in found["pip"]
    assert "installs no packages" in found["shell pip"]
    assert "keeps no secrets" in found["secret"]
    assert "mounts nothing" in found["mount"]
    assert "not 's3' storage" in found["storage"]
    assert found["attribute"].startswith("AttributeError: notebookutils.variableLibrary is not available")
    assert "fs, lakehouse" in found["attribute"]
    assert "notebookutils.fs.fancy is not available" in found["function"]
    assert "StdinNotImplementedError" in found["stdin"]
    assert (
        "ModuleNotFoundError: 'delta' is not part of the local Fabric: use SQL (MERGE INTO" in found["delta"]
    )
    assert "FileNotFoundError: Files/none does not exist" in found["missing file"]
    assert "own workspace 'Local'" in found["workspace"]


def test_files_and_context_of_notebookutils(home: EngineHome) -> None:
    (home.lakehouse("Base") / "Files" / "in.txt").write_text("Grüße", encoding="utf-8")
    home.add(
        "Files",
        """
import json
from notebookutils import mssparkutils
fs = mssparkutils.fs
base = 'abfss://Local@onelake.dfs.fabric.microsoft.com/base.Lakehouse'
by_id = 'abfss://0a0a0a0a-0000-0000-0000-000000000001@onelake.dfs.fabric.microsoft.com'
by_id += '/0a0a0a0a-0000-0000-0000-0000000000b0'
found = {'head': fs.head(base + '/Files/in.txt'), 'by id': fs.exists(by_id + '/Files/in.txt')}
fs.mkdirs('Files/a/b')
fs.put('Files/a/b/x.txt', 'one')
fs.append('Files/a/b/x.txt', ' two')
fs.cp('Files/a', base + '/Files/copy', recurse=True)
fs.mv('Files/a/b/x.txt', 'Files/a/y.txt')
found['ls'] = [(entry.name, entry.isDir, entry.size) for entry in fs.ls('Files/a')]
found['path'] = fs.ls(base + '/Files/copy/b')[0].path
found['again'] = fs.head(found['path'])
fs.rm('Files/a', True)
found['left'] = fs.exists('Files/a')
""",
        """
context = mssparkutils.runtime.context
found['context'] = {name: context[name] for name in ('currentNotebookName', 'currentNotebookId', 'currentWorkspaceName',
    'currentWorkspaceId', 'defaultLakehouseName', 'defaultLakehouseId', 'activityId', 'isForPipeline')}
found['lakehouses'] = [(each.displayName, each.id) for each in mssparkutils.lakehouse.list()]
found['default'] = mssparkutils.lakehouse.get().properties['abfsPath']
with open('/lakehouse/default/Files/opened.txt', 'w') as stream:
    stream.write(f"{'/lakehouse/default'}/Files")
mssparkutils.notebook.exit(json.dumps(found))
""",
    )
    executed = home.run("Files")
    found = executed.value
    assert found["head"] == "Grüße"
    assert found["by id"] is True
    assert found["ls"] == [["b", True, 0], ["y.txt", False, 7]]
    assert found["path"] == "abfss://Local@onelake.dfs.fabric.microsoft.com/Base.Lakehouse/Files/copy/b/x.txt"
    assert found["again"] == "one two"
    assert found["left"] is False
    assert found["context"] == {
        "currentNotebookName": "Files",
        "currentNotebookId": "id-of-Files",
        "currentWorkspaceName": "Local",
        "currentWorkspaceId": "0a0a0a0a-0000-0000-0000-000000000001",
        "defaultLakehouseName": "Curated",
        "defaultLakehouseId": "0a0a0a0a-0000-0000-0000-0000000000c0",
        "activityId": executed.execution.job_instance_id,
        "isForPipeline": False,
    }
    assert [name for name, _ in found["lakehouses"]] == ["Base", "Curated"]
    assert found["default"] == "abfss://Local@onelake.dfs.fabric.microsoft.com/Curated.Lakehouse"
    opened = home.lakehouse("Curated") / "Files" / "opened.txt"
    assert opened.read_text() == str(home.lakehouse("Curated") / "Files")


def test_python_notebooks_use_tables_with_polars_pandas_and_deltalake(home: EngineHome) -> None:
    home.add(
        "Tables",
        """
import json, polars as pl
from deltalake import DeltaTable, write_deltalake
path = '/lakehouse/default/Tables/dim_x'
write_deltalake(path, pl.DataFrame({'a': [1, 2], 'name': ['<ä>', None]}))
frame = pl.read_delta(path)
display(frame)
display(frame.to_pandas())
""",
        """
import pandas as pd
base = 'abfss://Local@onelake.dfs.fabric.microsoft.com/Base.Lakehouse'
mount = '/'.join(['', 'lakehouse', 'default', 'Files'])
write_deltalake(base + '/Tables/raw', frame)
frame.write_delta(target=base + '/Tables/raw', mode='append')
frame.write_csv(base + '/Files/a.csv')
pd.read_csv(base + '/Files/a.csv').to_parquet(mount + '/a.parquet')
found = [DeltaTable(base + '/Tables/raw').to_pyarrow_table().num_rows, pl.read_delta(base + '/Tables/raw').height,
         pl.scan_csv(base + '/Files/a.csv').collect().height, len(pd.read_parquet(mount + '/a.parquet')),
         DeltaTable('Tables/dim_x').to_pyarrow_table().num_rows]
notebookutils.notebook.exit(json.dumps(found))
""",
    )
    executed = home.run("Tables")
    assert executed.value == [4, 4, 2, 2, 2]
    tables = [output["data"]["text/html"] for output in executed.outputs(0)]
    assert len(tables) == 2
    for table in map("".join, tables):
        assert "<th>name</th>" in table
        assert "&lt;ä&gt;" in table
        assert "2 rows" in table


def test_a_dead_kernel_is_an_error_that_names_the_cell(home: EngineHome) -> None:
    home.add("Dies", "print('alive')", "import os\nos._exit(9)")
    executed = home.run("Dies")
    assert executed.error.error_code == "KernelDied"
    assert executed.error.message.startswith("Cell 2 ended the kernel")
    assert executed.text(0) == "alive\n"
    assert "KernelDied" in executed.page


def test_endless_output_is_cut_and_costs_nobody_memory(home: EngineHome) -> None:
    home.add(
        "Prints",
        "for _ in range(1000):\n    print('x' * 100_000)\nprint('end')",
        "print('next cell prints again')",
        "displayHTML('y' * 50_000_000)",
    )
    process = psutil.Process()
    before = process.memory_info().rss
    executed = home.run("Prints")
    assert executed.result.error is None
    assert 1_000_000 < len(executed.text(0)) < 1_100_000
    assert "the rest was cut" in executed.text(0)
    assert executed.text(1) == "next cell prints again\n"
    assert "the output was cut" in executed.text(2)
    assert (executed.folder / "notebook.ipynb").stat().st_size < 2_000_000
    assert (executed.folder / "notebook.html").stat().st_size < 3_000_000
    assert process.memory_info().rss - before < 400_000_000


STUBBORN = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
with open('Files/pid.tmp', 'w') as stream:
    stream.write(str(os.getpid()))
os.rename('Files/pid.tmp', 'Files/pid')
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""


def _marked_processes(job_instance_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("FABRIC_LOCAL_JOB_INSTANCE") == job_instance_id
                and process.status() != "zombie"
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_cancel_stops_a_notebook_that_does_not_want_to_end(home: EngineHome) -> None:
    home.add("Endless", "print('done before')", STUBBORN, "print('never')")
    execution = home.execution("Endless")
    pid_file = home.lakehouse("Curated") / "Files" / "pid"

    async def start_and_cancel() -> None:
        started = asyncio.Event()
        engine = KernelEngine(home.home)
        task = asyncio.create_task(engine.execute(execution, started.set))
        await asyncio.wait_for(started.wait(), DEADLINE_SECONDS)
        await asyncio.to_thread(_wait_until, pid_file.exists, "the endless cell")
        assert len(_marked_processes(execution.job_instance_id)) == 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _marked_processes(execution.job_instance_id) == []
        await engine.aclose()
        await engine.aclose()

    asyncio.run(start_and_cancel())
    kept = home.home.job_instance(execution.job_instance_id)
    document = json.loads((kept / "notebook.ipynb").read_text())
    assert document["cells"][0]["outputs"][0]["text"] == ["done before\n"]
    assert "Cancelled" in (kept / "notebook.html").read_text()


SERVER = """
import asyncio, sys
from pathlib import Path
from tests.local.engine_home import EngineHome
from fabric_assets.local.engine import KernelEngine

home = object.__new__(EngineHome)
home.__dict__.update(eval(sys.argv[1], {'Path': Path, 'PosixPath': Path, 'LocalHome': __import__(
    'fabric_assets.local.home', fromlist=['LocalHome']).LocalHome}))
asyncio.run(KernelEngine(home.home).execute(home.execution('Endless'), lambda: None))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kernels_end_when_the_server_is_killed(home: EngineHome) -> None:
    home.add("Endless", STUBBORN)
    state = repr({"home": home.home, "notebooks": home.notebooks, "extra_lakehouses": ()})
    server = subprocess.Popen([sys.executable, "-c", SERVER, state], cwd=Path(__file__).parents[2])
    pid_file = home.lakehouse("Curated") / "Files" / "pid"
    try:
        _wait_until(pid_file.exists, "the kernel's first cell")
        kernel = psutil.Process(int(pid_file.read_text()))
        children = kernel.children()
        folder = Path(kernel.cmdline()[-1]).parent
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    in_group = [kernel, *(child for child in children if os.getpgid(child.pid) == kernel.pid)]
    assert len(in_group) == 2
    _wait_until(lambda: not any(_runs(process) for process in in_group), "the kernel's end")
    assert not folder.exists()
    for child in children:
        if _runs(child):
            child.kill()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_secret_of_the_environment_reaches_a_notebook(
    home: EngineHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "FABRIC_ACCESS_TOKEN": "t1",
        "AZURE_CLIENT_SECRET": "t2",
        "DB_PASSWORD": "t3",
        "STORAGE_CONNECTION_STRING": "t4",
        "DATABASE_URL": "postgres://user:t5@host/db",
    }
    for name, value in {**secrets, "HARMLESS_SETTING": "kept"}.items():
        monkeypatch.setenv(name, value)
    home.add("Env", "import json, os\nnotebookutils.notebook.exit(json.dumps(dict(os.environ)))")
    environment = home.run("Env").value
    assert environment["HARMLESS_SETTING"] == "kept"
    assert not secrets.keys() & environment.keys()
    assert "PATH" in environment


def test_what_cannot_be_executed_fails_with_the_reason(home: EngineHome) -> None:
    home.add("Lost", "1", lakehouse="Curatd")
    home.add("Warehouse", "1", kernel="sqldatawarehouse")
    home.add("Broken", "1")
    home.notebooks["Broken"].write_text("{")
    lost = home.run("Lost")
    assert lost.error.error_code == "LakehouseNotFound"
    assert "'Curatd' was not found; nearest: 'Curated'" in lost.error.message
    assert "Lost" in lost.page
    assert home.run("Warehouse").error.error_code == "NotSupportedLocally"
    broken = home.run("Broken").error
    assert broken.error_code == "NotebookSourceInvalid"
    assert "line 1" in broken.message


def test_the_files_of_a_job_instance_belong_to_its_owner(home: EngineHome) -> None:
    home.add("Quick", "1 + 1")
    executed = home.run("Quick")
    assert executed.result.exit_value is None
    if os.name == "posix":
        assert executed.folder.stat().st_mode & 0o077 == 0
    assert {path.name for path in executed.folder.iterdir()} == {
        "kernel.log",
        "notebook.html",
        "notebook.ipynb",
    }
    assert executed.outputs(0)[0]["data"] == {"text/plain": ["2"]}
