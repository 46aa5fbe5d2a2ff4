"""Analyzes mutated and growing notebooks: ``python -m benchmarks.fuzz_lineage [count] [seed]``.

No analysis may raise an exception, report one as a gap, or need more than 10 s of CPU or 2 GiB of memory.
"""

import sys
import time

from tests.lineage.fuzzing import fuzz


def main() -> int:
    """Run the notebooks; 1 if one failed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.perf_counter()
    fuzzed = fuzz(seed, count)
    for number, problem in fuzzed.problems.items():
        print(f"notebook {number} of seed {seed}: {problem}")
    print(
        f"{count} notebooks in {time.perf_counter() - began:.0f} s: {len(fuzzed.problems)} failed, the slowest of the "
        f"others took {fuzzed.slowest_cpu_seconds:.2f} s of CPU"
    )
    return 1 if fuzzed.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
