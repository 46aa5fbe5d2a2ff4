"""Starts a kernel: ``python -m fabric_assets.local.engine.kernel -f CONNECTION_FILE CONTEXT_FILE``."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def _die_with_the_engine(folder: Path) -> None:
    """Kill this process and its children when the engine is gone, even if that was killed itself.

    The engine holds the other end of the pipe that is our standard input. The kernel's folder goes with it.
    """
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def wait() -> None:
        os.read(pipe, 1)
        shutil.rmtree(folder, ignore_errors=True)
        if hasattr(os, "killpg"):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="engine watcher", daemon=True).start()


def main() -> None:
    """Start the kernel and serve until the engine is done with it."""
    context_file = Path(sys.argv.pop())
    _die_with_the_engine(context_file.parent)
    from ipykernel.kernelapp import IPKernelApp

    from fabric_assets.local.engine.kernel.startup import start

    app: Any = IPKernelApp.instance()
    # Nobody debugs here, and the debugger takes as long to import as the rest of the kernel.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    app.initialize([*sys.argv[1:], "--HistoryManager.enabled=False"])
    del sys.modules["debugpy"]
    start(app.shell, context_file)
    app.start()


if __name__ == "__main__":
    main()
