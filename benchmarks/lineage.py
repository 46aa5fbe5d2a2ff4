"""How long the lineage of a large workspace takes: ``python -m benchmarks.lineage [notebooks]``.

Prints the seconds of the first analysis and of one where nothing changed, each in a process of its own.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.lineage.generated import write_workspace

_ANALYSIS = """
import sys
from fabric_assets.lineage import analyze_folder
lineage = analyze_folder(sys.argv[1], cache_folder=sys.argv[2])
gaps = sum(len(notebook.unresolved) for notebook in lineage.notebooks)
print(f"{len(lineage.notebooks)} notebooks, {len(lineage.graph.edges)} edges, {gaps} unresolved")
"""


def main() -> None:
    """Generate the workspace and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_workspace(folder / "workspace", count)
        for what in ("first time", "nothing changed"):
            start = time.perf_counter()
            command = [sys.executable, "-c", _ANALYSIS, str(folder / "workspace"), str(folder / "cache")]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{what}: {time.perf_counter() - start:.2f} s ({done.stdout.strip()})")


if __name__ == "__main__":
    main()
