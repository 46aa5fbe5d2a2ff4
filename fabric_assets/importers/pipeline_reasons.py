"""Why activities of pipelines have no equal, and what they were about."""

from typing import Any

from fabric_assets.importers.pipeline_expressions import source_of

NO_WORKSPACE = "00000000-0000-0000-0000-000000000000"
"""How Git names the pipeline's own workspace."""

_REASONS = {
    "AppendVariable": "variables live only while a pipeline runs; use arguments or exit values",
    "Copy": "it copies data outside notebooks; keep a pipeline for it (pipeline_asset), or load it in a notebook",
    "CopyJob": "a copy job is an item of its own; item_job_asset makes an asset of it",
    "DatabricksNotebook": "it runs a Databricks notebook, which is none of Fabric",
    "Delete": "it deletes files; do so in a notebook",
    "ExecuteDataFlow": "a data flow is no notebook",
    "Fail": "it ends the pipeline with an error; a notebook that raises one fails its asset, or use an asset check",
    "Filter": "it filters values while the pipeline runs; do so in the notebook",
    "GetMetadata": "its output is known only while the pipeline runs; read it in the notebook that needs it",
    "Lookup": "its output is known only while the pipeline runs; read it in the notebook that needs it",
    "MicrosoftTeams": "use Dagster's notices of run failure",
    "Office365Outlook": "use Dagster's notices of run failure",
    "PBISemanticModelRefresh": "it refreshes a semantic model; semantic_model_refresh makes an asset of that",
    "RefreshDataflow": "a dataflow is an item of its own; item_job_asset makes an asset of it",
    "Script": "it runs SQL outside notebooks; a T-SQL notebook can do so",
    "SetVariable": "variables live only while a pipeline runs; use arguments or exit values",
    "SparkJobDefinition": "a Spark job definition is an item of its own; item_job_asset makes an asset of it",
    "SqlServerStoredProcedure": "it calls a stored procedure; a T-SQL notebook can do so",
    "Teams": "use Dagster's notices of run failure",
    "Validation": "it waits for data; use a sensor",
    "Wait": "an asset starts as soon as its dependencies are there; nothing needs to wait",
    "WebActivity": "it calls a web service; a notebook or a sensor can do so",
    "WebHook": "it waits for a call from outside; use a sensor",
}
_IDS = (
    "notebookId",
    "notebook",
    "operationType",
    "pipelineId",
    "pipelineName",
    "pipeline",
    "factoryName",
    "datasetId",
    "groupId",
    "workspaceId",
    "dataflowId",
    "sparkJobDefinitionId",
    "copyJobId",
    "itemId",
    "url",
    "method",
    "storedProcedureName",
    "variableName",
    "waitTimeInSeconds",
)


def reason_of(kind: str) -> str:
    """Why an activity of this type has no equal."""
    return _REASONS.get(kind, f"activities of the type {kind} are not notebooks")


def details(properties: dict[str, Any]) -> str:
    """The names and ids in the properties of an activity, for messages; empty if there are none."""
    known = [
        f"{key} {source_of(properties[key]).partition('?')[0]}"  # behind it, a URL may hold a secret
        for key in _IDS
        if properties.get(key) not in (None, "", {}, NO_WORKSPACE)
    ]
    return f" [{', '.join(known)}]" if known else ""
