"""Jobs that are run under ``fabric_executor`` and under Dagster's own executors, to compare their events."""

import asyncio
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets.executor import fabric_executor

EXECUTORS = {
    "one_process": fabric_executor,
    "multiprocess": fabric_executor.configured(
        {"multiprocess": {"start_method": {"forkserver": {"preload_modules": [__name__]}}}}
    ),
}


def build_job(name: str, executor: str) -> dg.JobDefinition:
    """The job ``name`` with one of ``EXECUTORS``, for ``dg.build_reconstructable_job``."""
    made = JOBS[name]
    if isinstance(made, dg.JobDefinition):
        return made.with_executor_def(EXECUTORS[executor])
    definitions = dg.Definitions(
        assets=[each for each in made if not isinstance(each, dg.AssetChecksDefinition)],
        asset_checks=[each for each in made if isinstance(each, dg.AssetChecksDefinition)],
        jobs=[dg.define_asset_job(name)],
        executor=EXECUTORS[executor],
        resources={"marker": Marker(folder="")},
    )
    return definitions.resolve_job_def(name)


class Marker(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Remembers across processes and runs that something has happened."""

    folder: str

    def first_time(self, name: str) -> bool:
        """Whether this is the first call with this name."""
        path = Path(self.folder) / name
        if path.exists():
            return False
        path.touch()
        return True


# A diamond of asynchronous and synchronous assets, whose values pass through the IO manager


@dg.asset
async def top(context: dg.AssetExecutionContext) -> int:
    context.log.info("before waiting")
    await asyncio.sleep(0.05)
    dg.get_dagster_logger().info("a captured line of top")
    return 1


@dg.asset
def left(top: int) -> int:
    dg.get_dagster_logger().info("a captured line of left")
    return top + 1


@dg.asset
async def right(top: int) -> int:
    await asyncio.sleep(0)
    dg.get_dagster_logger().info("a captured line of right")
    return top + 2


@dg.asset
async def bottom(context: dg.AssetExecutionContext, left: int, right: int) -> dg.MaterializeResult:
    assert dg.AssetExecutionContext.get() is context
    await asyncio.sleep(0)
    assert dg.AssetExecutionContext.get() is context
    return dg.MaterializeResult(value=left + right, metadata={"sum": left + right})


def _fan_out(number: int) -> dg.AssetsDefinition:
    @dg.asset(name=f"leaf_{number}", deps=[top])
    async def leaf() -> None:
        await asyncio.sleep(0.01)

    return leaf


# Failures


@dg.asset
async def broken() -> None:
    await asyncio.sleep(0)
    raise ValueError("this asset is broken")


@dg.asset(deps=[broken])
async def after_broken() -> None:
    await asyncio.sleep(0)


@dg.asset(deps=[after_broken, top])
def far_after_broken() -> None: ...


@dg.asset
async def failed_on_purpose() -> None:
    await asyncio.sleep(0)
    raise dg.Failure("as intended", metadata={"why": "a test"}, allow_retries=False)


@dg.asset
async def wrong_type() -> int:
    await asyncio.sleep(0)
    return "not a number"  # type: ignore[return-value]


@dg.asset
async def returns_twice() -> Any:
    yield dg.Output(1)
    await asyncio.sleep(0)
    yield dg.Output(2)


@dg.asset
async def cancels_itself() -> None:
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    await task


# Retries


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=0.3))
async def second_try(context: dg.AssetExecutionContext) -> int:
    await asyncio.sleep(0)
    if context.retry_number < 1:
        raise ValueError("not yet")
    return context.retry_number


@dg.asset
async def asks_for_a_retry(context: dg.AssetExecutionContext) -> None:
    await asyncio.sleep(0)
    if context.retry_number == 0:
        raise dg.RetryRequested(max_retries=1, seconds_to_wait=0.2)


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
def never_succeeds() -> None:
    raise ValueError("never")


@dg.asset(deps=[second_try, asks_for_a_retry])
async def after_retries() -> None:
    await asyncio.sleep(0)


# Outputs that are not produced, several outputs, generators


@dg.asset(output_required=False)
async def maybe() -> Any:
    await asyncio.sleep(0)
    return
    yield


@dg.asset
async def after_maybe(maybe: int) -> None:
    await asyncio.sleep(0)


@dg.multi_asset(
    specs=[dg.AssetSpec(key, skippable=True) for key in ("one", "two", "three")],
    can_subset=True,
    check_specs=[dg.AssetCheckSpec("counted", asset="one")],
)
async def several(context: dg.AssetExecutionContext):
    for key in ("one", "two", "three"):
        await asyncio.sleep(0)
        if dg.AssetKey(key) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)
            yield dg.AssetObservation(asset_key=key, description="seen")
    if context.selected_asset_check_keys:
        yield dg.AssetCheckResult(asset_key="one", check_name="counted", passed=True)


@dg.asset
def sync_generator(context: dg.AssetExecutionContext) -> Any:
    context.add_output_metadata({"from": "a generator"})
    yield dg.Output(1)


@dg.op
async def times_two(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


@dg.op
def add_one(number: int) -> int:
    return number + 1


@dg.graph_asset
def graph_backed(top: int) -> Any:
    return add_one(times_two(top))


# Asset checks


@dg.asset(check_specs=[dg.AssetCheckSpec("inside", asset="checked")])
async def checked() -> dg.MaterializeResult:
    await asyncio.sleep(0)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@dg.asset_check(asset=checked)
async def not_blocking() -> dg.AssetCheckResult:
    await asyncio.sleep(0)
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=checked, blocking=True)
async def blocking() -> dg.AssetCheckResult:
    await asyncio.sleep(0)
    return dg.AssetCheckResult(passed=False)


@dg.asset(deps=[checked])
async def after_checked() -> None:
    await asyncio.sleep(0)


# Partitions

PARTITIONS = dg.StaticPartitionsDefinition(["a", "b", "c"])


@dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run())
async def partitioned(context: dg.AssetExecutionContext) -> None:
    await asyncio.sleep(0)
    context.log.info(f"partitions {context.partition_keys}")


@dg.asset(partitions_def=PARTITIONS, deps=[partitioned], backfill_policy=dg.BackfillPolicy.single_run())
def after_partitioned(context: dg.AssetExecutionContext) -> None:
    context.log.info(f"partitions {context.partition_keys}")


# Re-execution from failure


@dg.asset
async def expensive(marker: Marker) -> int:
    await asyncio.sleep(0)
    assert marker.first_time("expensive"), "loaded twice"
    return 7


@dg.asset
async def fails_once(marker: Marker, expensive: int) -> int:
    await asyncio.sleep(0)
    assert not marker.first_time("fails_once"), "the first time"
    return expensive + 1


@dg.asset
def after_fails_once(fails_once: int) -> int:
    return fails_once + 1


# Many steps: a tree, some of whose steps fail or are retried


def many(number: int) -> list[dg.AssetsDefinition]:
    """That many assets, asynchronous and synchronous ones."""
    return [_one_of_many(n) for n in range(number)]


def _one_of_many(n: int) -> dg.AssetsDefinition:
    options: dict[str, Any] = {"name": f"step_{n}", "deps": [f"step_{(n - 1) // 5}"] if n else []}
    if n % 7 == 3:
        options["retry_policy"] = dg.RetryPolicy(max_retries=1)

    def work(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        if "retry_policy" in options and not context.retry_number:
            raise ValueError("not yet")
        if n % 11 == 8 and n > 50:
            raise dg.Failure("as intended")
        return dg.MaterializeResult(metadata={"n": n})

    if n % 5 == 0:
        return dg.asset(**options)(work)

    async def load(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        await asyncio.sleep(0.01)
        return work(context)

    return dg.asset(**options)(load)


# A job of ops: dynamic outputs, hooks


@dg.op(out=dg.DynamicOut(int))
async def split() -> Any:
    for number in range(3):
        await asyncio.sleep(0)
        yield dg.DynamicOutput(number, mapping_key=f"part_{number}")


@dg.op
async def work_on(part: int) -> int:
    await asyncio.sleep(0.01)
    return part * 10


@dg.op
def total(parts: list[int]) -> int:
    assert sum(parts) == 30
    return sum(parts)


@dg.op(ins={"start": dg.In(dg.Nothing)})
async def broken_op() -> None:
    await asyncio.sleep(0)
    raise ValueError("this op is broken")


@dg.success_hook
def tell_success(context: dg.HookContext) -> None:
    context.log.info(f"hook saw {context.op.name} succeed")


@dg.failure_hook
def tell_failure(context: dg.HookContext) -> None:
    context.log.info(f"hook saw {context.op.name} fail: {context.op_exception}")


@dg.success_hook
def broken_hook(context: dg.HookContext) -> None:
    if context.op.name == "total":
        raise ValueError("this hook is broken")


@dg.job(hooks={tell_success, tell_failure, broken_hook})
def ops() -> None:
    result = total(split().map(work_on).collect())
    broken_op(start=result)


JOBS: dict[str, Any] = {
    "values": [top, left, right, bottom, *map(_fan_out, range(2)), graph_backed, sync_generator],
    "failures": [
        top, broken, after_broken, far_after_broken, failed_on_purpose, wrong_type, returns_twice, cancels_itself,
    ],
    "retries": [second_try, asks_for_a_retry, never_succeeds, after_retries],
    "outputs": [maybe, after_maybe, several],
    "checks": [checked, not_blocking, blocking, after_checked],
    "partitions": [partitioned, after_partitioned],
    "reexecution": [expensive, fails_once, after_fails_once],
    "ops": ops,
    "twenty": many(20),
}  # fmt: skip
