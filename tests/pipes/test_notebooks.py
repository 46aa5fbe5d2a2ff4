"""The cells of docs/pipes.md in real notebooks, run by the local Fabric: with Dagster and without it."""

import json
import re
import threading
from pathlib import Path

import dagster as dg
import pytest

from fabric_assets import ComputeSettings, fabric_executor, notebook_asset
from fabric_assets.local import serve_in_thread
from fabric_assets.local.engine import KernelEngine
from fabric_assets.local.home import LocalHome
from fabric_assets.pipes.settings import PipesFiles
from tests.conftest import resource
from tests.executor.running import run
from tests.pipes.conftest import known, write_lakehouse, write_notebook

PAGE = Path(__file__).parent.parent.parent / "docs" / "pipes.md"
PARAMETERS, OPEN, SPEAK, IN_CHUNKS = re.findall(r"```python notebook\n(.*?)```", PAGE.read_text(), re.DOTALL)

# The notebook goes on when the test has seen its first line in the run's log.
WAIT = """
import pathlib, time
deadline = time.monotonic() + 60
while not pathlib.Path("Files/heard").exists():
    assert time.monotonic() < deadline, "the line never arrived"
    time.sleep(0.05)
"""


IMPORTS, SAY_SOMETHING = OPEN.partition("pipes = open_dagster_pipes(")[0], OPEN.splitlines()[-1]


@pytest.mark.parametrize(
    ("kernel", "chunks"), [("jupyter", False), ("synapse_pyspark", False), ("jupyter", True)]
)
def test_a_notebook_with_the_cells_of_the_page_speaks_while_it_runs(
    tmp_path: Path, kernel: str, chunks: bool
) -> None:
    home = tmp_path / "home"
    write_lakehouse(home, "Curated")
    spark = "rows = spark.range(3).count()" if kernel == "synapse_pyspark" else "rows = 3"
    in_chunks = "\n".join([IMPORTS, IN_CHUNKS.replace("interval=5", "interval=0"), SAY_SOMETHING])
    opens = in_chunks if chunks else OPEN
    write_notebook(home, "Talk", f"#PARAMETERS\n{PARAMETERS}", opens, WAIT, spark, SPEAK, kernel=kernel)
    asset = notebook_asset(
        "Talk",
        notebook="Talk",
        retry=0,
        compute=ComputeSettings(default_lakehouse="Curated"),
        pipes=PipesFiles(chunks=chunks),
        check_specs=[dg.AssetCheckSpec("has_rows", asset="Talk")],
    )
    heard = home / "onelake" / "Local" / "Curated.Lakehouse" / "Files" / "heard"

    with (
        serve_in_thread(home, engine=KernelEngine(LocalHome(home))) as fabric,
        dg.instance_for_test() as instance,
    ):
        defs = dg.Definitions(
            assets=[asset],
            resources={"fabric": resource(fabric, local_home=str(home))},
            executor=fabric_executor,
            jobs=[dg.define_asset_job("all_of_it")],
        )
        over = threading.Event()
        listening = threading.Thread(target=listen, args=(instance, heard, over), daemon=True)
        listening.start()
        ran = run(instance, defs.resolve_job_def("all_of_it"))
        over.set()
        listening.join(10)
        (entry,) = ran.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
        checks = ran.events(dg.DagsterEventType.ASSET_CHECK_EVALUATION)

    assert ran.status is dg.DagsterRunStatus.SUCCESS
    assert entry.asset_materialization is not None
    assert entry.asset_materialization.metadata["rows"].value == 3
    assert [c.get_dagster_event().asset_check_evaluation_data.passed for c in checks] == [True]
    assert not list((heard.parent / ".dagster_pipes").iterdir())


def listen(instance: dg.DagsterInstance, heard: Path, over: threading.Event) -> None:
    """Create a file when the notebook's first line is in the log of the one run."""
    while not over.wait(0.05) and not heard.exists():
        for found in instance.get_runs():
            if any(entry.user_message == "loading" for entry in instance.all_logs(found.run_id)):
                heard.touch()


def test_the_same_notebook_runs_without_dagster(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_lakehouse(home, "Curated")
    end = "import json\nnotebookutils.notebook.exit(json.dumps({'row_count': rows}))"
    write_notebook(home, "Talk", f"#PARAMETERS\n{PARAMETERS}", OPEN, "rows = 3", SPEAK, end)

    with serve_in_thread(home, engine=KernelEngine(LocalHome(home))) as fabric:
        result = dg.materialize(
            [notebook_asset("Talk", notebook="Talk", retry=0)],
            resources={"fabric": resource(fabric)},
            raise_on_error=False,
        )

    assert json.loads(known(result)["fabric/exit_value"]) == {"row_count": 3}
    assert not (home / "onelake" / "Local" / "Curated.Lakehouse" / "Files" / ".dagster_pipes").exists()


def test_the_code_of_the_page_defines_assets() -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)

    assets = [value for value in names.values() if isinstance(value, dg.AssetsDefinition)]
    assert {key.to_user_string() for asset in assets for key in asset.keys} == {"DimCustomer", "FactOrders"}
