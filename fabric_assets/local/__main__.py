"""``python -m fabric_assets.local``: what is spawned when a local Fabric is needed and none runs."""

import argparse
import sys

from fabric_assets.local.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m fabric_assets.local")
    add_arguments(parser)
    sys.exit(run(parser.parse_args(), with_token=False))
