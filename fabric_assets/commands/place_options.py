"""The options that say which workspace and which code location a command is about."""

import argparse


def add_workspace_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--workspace``."""
    parser.add_argument(
        "--workspace", metavar="NAME", help="workspace, name or GUID (default: the configured one)"
    )


def add_module_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--module``."""
    parser.add_argument(
        "--module",
        metavar="M",
        help="module (or .py file) of the code location (default: the one of workspace.yaml or dg.toml)",
    )
