"""Analyzes mutated notebooks: ``python -m benchmarks.fuzz_lineage [count] [seed]``.

No analysis may raise an exception, report one as a gap, or take longer than ten seconds.
"""

import sys
import time

from fabric_assets.lineage import WorkspaceSource, analyze
from tests.lineage.generated import mutations

SLOW_SECONDS = 10.0


def main() -> int:
    """Run the mutations; 1 if one failed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failures = 0
    slowest = 0.0
    began = time.perf_counter()
    for number, data in enumerate(mutations(seed, count)):
        start = time.perf_counter()
        problem = ""
        try:
            source = WorkspaceSource.from_definitions({"N": {"notebook-content.py": data}})
            lineage = analyze(source)
            lineage.to_json()
            problem = next(
                (u.reason for u in lineage.notebooks[0].unresolved if "please report" in u.reason), ""
            )
        except Exception as error:  # noqa: BLE001 - every exception is what this looks for
            problem = repr(error)
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        if seconds > SLOW_SECONDS:
            problem = f"took {seconds:.1f} s"
        if problem:
            failures += 1
            print(f"mutation {number} of seed {seed}: {problem}")
    print(
        f"{count} mutated notebooks in {time.perf_counter() - began:.0f} s: {failures} failed, "
        f"the slowest took {slowest:.2f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
