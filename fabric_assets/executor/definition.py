"""The executor of a code location, a job or a run: one process by default, another way by config."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg

from fabric_assets.executor.dagster_internals import (
    IN_PROC_CONFIG,
    MULTI_PROC_CONFIG,
    RetryMode,
    StepDependencyConfig,
    multiple_process_executor_requirements,
    process_config,
    retries_field,
    step_dependency_field,
    tag_concurrency_limits_field,
)
from fabric_assets.executor.engine import Limits
from fabric_assets.executor.one_process import OneProcessExecutor
from fabric_assets.executor.one_writer import limit_one_writer_pools

ONE_PROCESS = "one_process"
_IN_PROCESS = "in_process"
_MULTIPROCESS = "multiprocess"

_OTHERS = {
    "k8s": ("dagster_k8s", "k8s_job_executor", "Each step in a Kubernetes job."),
    "celery": ("dagster_celery", "celery_executor", "Each step in a Celery task."),
    "celery_k8s": (
        "dagster_celery_k8s",
        "celery_k8s_job_executor",
        "Each step in a Kubernetes job, by Celery.",
    ),
    "docker": ("dagster_docker", "docker_executor", "Each step in a Docker container."),
}
"""Executors of Dagster's other packages: package, name in it, description."""

_STEP_PROCESSES = 16  # a step mostly waits for Fabric, so there can be more of them than cores


def _one_process_field() -> dg.Field:
    return dg.Field(
        {
            "max_concurrent": dg.Field(
                dg.Noneable(int),
                default_value=None,
                description="The number of steps that may be at work at once. By default there is no limit.",
            ),
            "max_threads": dg.Field(
                int,
                default_value=Limits.max_threads,
                description="The number of `def` steps that may run at once, each in a thread. The limit does not"
                " count `async def` steps.",
            ),
            "tag_concurrency_limits": tag_concurrency_limits_field(),
            "retries": retries_field(),
            "step_dependency_config": step_dependency_field(),
        },
        description="All steps in one process: `async def` steps as coroutines, `def` steps in threads.",
    )


def _multiprocess_field() -> dg.Field:
    start_method: Mapping[str, Any] = {"spawn": {}} if sys.platform == "win32" else {"forkserver": {}}
    fields = MULTI_PROC_CONFIG.config_type.fields  # type: ignore[attr-defined]
    return dg.Field(
        {
            **fields,
            "max_concurrent": dg.Field(
                int,
                default_value=_STEP_PROCESSES,
                description="The number of processes that may run at once.",
            ),
            "start_method": dg.Field(
                fields["start_method"].config_type,
                default_value=start_method,
                description="How processes are started: forked from one that has imported the code location"
                " (`forkserver`), or anew (`spawn`).",
            ),
        },
        description="Each step in a process.",
    )


def _fields() -> dict[str, dg.Field]:
    fields = {
        ONE_PROCESS: _one_process_field(),
        _IN_PROCESS: dg.Field(
            IN_PROC_CONFIG.config_type, description="One step after the other in one process."
        ),
        _MULTIPROCESS: _multiprocess_field(),
    }
    for name, (package, attribute, description) in _OTHERS.items():
        if importlib.util.find_spec(package) is not None:
            # Its schema is not known before it is imported, which is left to the runs that choose it.
            config = dg.Permissive()  # type: ignore[no-untyped-call]
            description = f"{description} The config is that of `{package}.{attribute}`."
            fields[name] = dg.Field(config, description=description)
    return fields


def _requirements(config: Mapping[str, object]) -> Sequence[Any]:
    return [] if {ONE_PROCESS, _IN_PROCESS} & set(config) else multiple_process_executor_requirements()


@dg.executor(
    name="fabric_executor",
    config_schema=dg.Field(dg.Selector(_fields()), default_value={ONE_PROCESS: {}}),  # type: ignore[no-untyped-call]
    requirements=_requirements,
)
def fabric_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Runs all steps of a run in one process: ``async def`` assets wait side by side, as coroutines.

    A step that waits for a Fabric job instance costs no process and no thread, so that a run can have thousands.
    Retries, pools, tag concurrency limits, hooks, checks, step logs and re-execution from failure are Dagster's own.
    ``def`` assets run in threads. A run that is terminated cancels all its waiting assets at once, and waits for
    their clean-up.

    Example::

        Definitions(assets=..., executor=fabric_executor)
        define_asset_job("nightly", executor_def=fabric_executor.configured({"one_process": {"max_concurrent": 50}}))

    The config selects another way to run the steps, for all runs or (in the launchpad) for one::

        execution:
          config:
            multiprocess:        # or one_process, in_process; k8s, celery, docker if Dagster's package is installed
              max_concurrent: 8
    """
    limit_one_writer_pools(init_context.instance, init_context.job.get_definition())
    config = init_context.executor_config
    (name,) = config
    chosen = cast("Mapping[str, Any]", config[name])
    if name == ONE_PROCESS:
        return _one_process(chosen)
    return _delegate(init_context, name, chosen)


def _one_process(config: Mapping[str, Any]) -> OneProcessExecutor:
    for limit in ("max_concurrent", "max_threads"):
        if config[limit] is not None and config[limit] < 1:
            raise dg.DagsterInvalidConfigError(  # type: ignore[no-untyped-call]
                f"fabric_executor: {limit} must be at least 1, it is {config[limit]}", [], config
            )
    retries = RetryMode.from_config(config["retries"])
    assert retries is not None  # noqa: S101  # the config has a default
    return OneProcessExecutor(
        retries=retries,
        limits=Limits(
            max_concurrent=config["max_concurrent"],
            max_threads=config["max_threads"],
            tag_concurrency_limits=config.get("tag_concurrency_limits") or (),
        ),
        step_dependency_config=StepDependencyConfig.from_config(config.get("step_dependency_config")),
    )


def _delegate(init_context: dg.InitExecutorContext, name: str, config: Mapping[str, Any]) -> dg.Executor:
    definition = _definition(name)
    given = {"config": config}
    resolved = process_config({"config": definition.config_field}, given) if definition.config_field else None
    if resolved is None or resolved.success:
        resolved = definition.apply_config_mapping(resolved.value if resolved else given)
    if not resolved.success:
        raise dg.DagsterInvalidConfigError(  # type: ignore[no-untyped-call]
            f"Error in the config of fabric_executor for {name}", resolved.errors or [], config
        )
    create = definition.executor_creation_fn
    assert create is not None  # noqa: S101
    return create(
        init_context._replace(executor_def=definition, executor_config=resolved.value["config"])  # type: ignore[index]
    )


def _definition(name: str) -> dg.ExecutorDefinition:
    if name == _IN_PROCESS:
        return dg.in_process_executor
    if name == _MULTIPROCESS:
        return dg.multiprocess_executor
    package, attribute, _ = _OTHERS[name]
    return cast("dg.ExecutorDefinition", getattr(importlib.import_module(package), attribute))
