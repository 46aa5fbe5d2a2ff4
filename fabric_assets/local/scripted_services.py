"""A script's say on what is no job instance: which entry meets which request, and which factories there are."""

import asyncio

from fabric_assets.local.script import Script
from fabric_assets.local.script_choice import Choices
from fabric_assets.local.script_services import (
    SimulatedFactory,
    SimulatedModelRefresh,
    SimulatedPipelineRun,
    SimulatedSqlRefresh,
)


class ScriptedServices:
    """One server's counts of requests, and the entries of its script; an empty script outside of a simulation."""

    def __init__(self, script: Script) -> None:
        self.sql_refreshes = Choices(script.sql_refreshes, SimulatedSqlRefresh(), script.seed)
        self.model_refreshes = Choices(script.model_refreshes, SimulatedModelRefresh(), script.seed)
        self.pipeline_runs = Choices(script.pipeline_runs, SimulatedPipelineRun(), script.seed)
        self.factories: tuple[SimulatedFactory, ...] = script.factories
        self.model_refresh_lock = asyncio.Lock()
