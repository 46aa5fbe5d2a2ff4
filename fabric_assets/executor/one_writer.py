"""Pools of one: assets that write the same table never run at the same time, in no run.

A pool without a limit limits nothing. The limit of these pools follows from their name, so nobody has to set it.
"""

import dagster as dg

ONE_WRITER_POOL = "fabric_one_writer/"
"""What the names of these pools begin with."""


def limit_one_writer_pools(instance: dg.DagsterInstance, job: dg.JobDefinition) -> None:
    """Give each of these pools that a job uses a limit of one, unless somebody gave it a limit.

    Args:
        instance: where the limits are kept.
        job: the job of a run.
    """
    pools = {
        node.pool
        for node in job.all_node_defs
        if isinstance(node, dg.OpDefinition) and (node.pool or "").startswith(ONE_WRITER_POOL)
    }
    storage = instance.event_log_storage
    if not pools or not storage.supports_global_concurrency_limits:
        return
    limited = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    for pool in pools:
        if pool is not None and pool not in limited:
            storage.set_concurrency_slots(pool, 1)
