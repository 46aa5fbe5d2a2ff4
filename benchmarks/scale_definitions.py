"""The code location of the scale benchmarks: the graph in the file that ``FABRIC_BENCHMARK_GRAPH`` names."""

import os
from pathlib import Path

import dagster as dg

from benchmarks.graphs import Graph, load_graph
from fabric_assets import ComputeSettings, FabricResource, fabric_executor, notebook_asset

GRAPH_VARIABLE = "FABRIC_BENCHMARK_GRAPH"
ONE_PROCESS_JOB = "load"
MULTIPROCESS_JOB = "load_with_multiprocess_executor"

_STEP_PROCESSES = 16


def notebook_assets(graph: Graph) -> list[dg.AssetsDefinition]:
    """Its notebooks as assets."""
    partitions = dg.StaticPartitionsDefinition([str(number) for number in range(graph.partitions)])
    return [
        notebook_asset(
            notebook.name,
            notebook=notebook.name,
            deps=notebook.deps,
            compute=ComputeSettings(share_session=True) if graph.share_session else None,
            partitions_def=partitions if graph.partitions else None,
        )
        for notebook in graph.notebooks
    ]


def definitions(graph: Graph) -> dg.Definitions:
    """Its assets, and a job for each executor."""
    in_processes = dg.multiprocess_executor.configured({"max_concurrent": _STEP_PROCESSES})
    return dg.Definitions(
        assets=notebook_assets(graph),
        resources={"fabric": FabricResource(**graph.resource)},
        executor=fabric_executor,
        jobs=[
            dg.define_asset_job(ONE_PROCESS_JOB),
            dg.define_asset_job(MULTIPROCESS_JOB, executor_def=in_processes),
        ],
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster`` loads."""
    return definitions(load_graph(Path(os.environ[GRAPH_VARIABLE])))
