"""``fabric-assets import`` and ``fabric-assets validate``."""

import argparse
import json
from pathlib import Path

from fabric_assets.commands.output import CommandError, UsageError, note, say

_WHAT = "a runMultiple DAG (JSON), a notebook, a pipeline-content.json, or an item's folder"


def add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``import``."""
    parser = commands.add_parser(
        "import",
        help="turn a runMultiple DAG, a parent notebook or a pipeline into YAML",
        description="Turns what orchestrates notebooks today into the YAML of FabricWorkspaceComponent. What has "
        "no equal is listed with its reason.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_WHAT)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="file for the YAML (default: standard output)"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--json", action="store_true", help="print project and report as JSON instead")
    parser.add_argument(
        "--root", type=Path, help="folder in Git that holds the other items (default: found by itself)"
    )
    parser.set_defaults(run=run_import)


def add_validate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``validate``."""
    parser = commands.add_parser(
        "validate",
        help="say what validateDAG would say",
        description="Prints what is wrong with a DAG or a pipeline. Exit code 1 if there is an error, else 0.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_WHAT)
    parser.add_argument(
        "--root", type=Path, help="folder in Git that holds the other items (default: found by itself)"
    )
    parser.set_defaults(run=run_validate)


def run_import(options: argparse.Namespace) -> int:
    """Import a file."""
    from fabric_assets.importers import ImportFileError, import_file

    _must_exist(options.file, options.root)
    output: Path | None = options.output
    if output is not None and output.is_dir():
        raise UsageError(f"{output} is a folder; name a file in it, such as {output / 'defs.yaml'}")
    if output is not None and output.exists() and not options.force:
        raise UsageError(f"{output} is there already; name another file, or --force to replace it")
    try:
        imported = import_file(options.file, root=options.root)
    except ImportFileError as error:
        raise CommandError(str(error)) from error
    text = json.dumps(imported.to_json(), indent=2) + "\n" if options.json else imported.to_yaml()
    if output is None:
        say(text.rstrip("\n"))
    else:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error
    note(imported.report.render().rstrip("\n"))
    return 0


def run_validate(options: argparse.Namespace) -> int:
    """Validate a file."""
    from fabric_assets.importers import ImportFileError, validate_file

    _must_exist(options.file, options.root)
    try:
        problems = validate_file(options.file, root=options.root)
    except ImportFileError as error:
        raise CommandError(str(error)) from error
    for problem in problems:
        say(f"{problem.severity}: {problem}")
    if any(problem.severity == "error" for problem in problems):
        return 1
    say(f"{options.file}: valid")
    return 0


def _must_exist(file: Path, root: Path | None) -> None:
    if not file.exists():
        raise UsageError(f"there is no file {file}")
    if root is not None and not root.is_dir():
        raise UsageError(f"--root: there is no folder {root}")
