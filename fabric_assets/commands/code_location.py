"""The code location that a command works on, loaded in this process as Dagster's own code server loads it."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import dagster as dg
import yaml  # type: ignore[import-untyped]

# Not public: what Dagster's code server and its own commands load code locations with.
from dagster._cli.utils import get_possibly_temporary_instance_for_cli
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.instance.config import is_dagster_home_set
from dagster._core.secrets.env_file import get_env_var_dict
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster._grpc.server import LoadedRepositories

from fabric_assets.commands.output import CommandError, UsageError

WORKSPACE_FILE = "workspace.yaml"
DG_FILE = "dg.toml"

_log = logging.getLogger(__name__)

R = TypeVar("R", bound=dg.ConfigurableResource)


class NoCodeLocationError(UsageError):
    """There is no code location to be found."""


class CodeLocationError(Exception):
    """The code location cannot be loaded."""


@dataclass(frozen=True)
class CodeLocation:
    """A loaded code location.

    Attributes:
        module: its module or file.
        found_in: what named it, for messages.
        repository: its definitions.
        reconstructable: rebuilds it in other processes.
    """

    module: str
    found_in: str
    repository: dg.RepositoryDefinition
    reconstructable: ReconstructableRepository

    @property
    def assets(self) -> list[dg.AssetsDefinition]:
        """The assets that can be materialized, each definition once, by their first key."""
        found = {id(a): a for a in self.repository.assets_defs_by_key.values() if a.is_executable}
        return sorted(found.values(), key=lambda assets: min(assets.keys))

    def resource_keys(self, kind: type[dg.ConfigurableResource]) -> list[str]:
        """The keys of its resources of a kind."""
        return sorted(
            key
            for key, resource in self.repository.get_top_level_resources().items()
            if issubclass(getattr(resource, "configurable_resource_cls", object), kind)
        )

    def resource(self, key: str, kind: type[R]) -> R:
        """A resource with its fields as the environment gives them.

        Raises:
            dagster.DagsterError: a field of it is wrong, or an environment variable that it names is not set.
        """
        resource = self.repository.get_top_level_resources()[key]
        with dg.build_resources({key: resource}) as resources:
            return cast("R", getattr(resources, key))


@contextlib.contextmanager
def environment_file() -> Iterator[list[str]]:
    """The variables of ``.env`` in the current folder, set as Dagster's commands set them.

    Yields:
        Their names.
    """
    values: Mapping[str, str] = get_env_var_dict(str(Path.cwd()))
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield list(values)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def dagster_instance(command: str) -> Iterator[tuple[dg.DagsterInstance, str | None]]:
    """The Dagster instance of ``DAGSTER_HOME``; without it a temporary one, as ``dagster dev`` makes it.

    Yields:
        The instance and its folder; ``None``: it is temporary.

    Raises:
        UsageError: ``DAGSTER_HOME`` is not usable.
        CommandError: its storage is not.
    """
    with contextlib.ExitStack() as stack:
        try:
            with without_advice():
                opened = get_possibly_temporary_instance_for_cli(command, logger=_log)
                instance = stack.enter_context(opened)
                instance.get_runs_count()
        except (dg.DagsterError, yaml.YAMLError) as error:
            raise UsageError(_cannot_be_opened(error)) from error
        except Exception as error:  # whatever the storage raises
            raise CommandError(_cannot_be_opened(error)) from error
        yield instance, os.environ["DAGSTER_HOME"] if is_dagster_home_set() else None


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """Dagster advises an empty ``dagster.yaml`` each time that it finds none; a command's output is no place for it."""

    def is_no_advice(record: logging.LogRecord) -> bool:
        return "No dagster instance configuration file" not in record.getMessage()

    logger = logging.getLogger("dagster")
    logger.addFilter(is_no_advice)
    try:
        yield
    finally:
        logger.removeFilter(is_no_advice)


def load_code_location(module: str | None) -> CodeLocation:
    """Load the code location of a module; without one, that of ``workspace.yaml`` or ``dg.toml``.

    Raises:
        NoCodeLocationError: none is named.
        UsageError: several are, or the file cannot be read.
        CodeLocationError: its code fails.
    """
    origin, found_in = _origin(module)
    named = (
        origin.module_name or origin.python_file or origin.package_name or origin.autoload_defs_module_name
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = LoadedRepositories(origin, None, entry_point=[], container_context=None)
        except (Exception, SystemExit) as error:  # user code can raise anything
            raise CodeLocationError(
                f"the code location {named} ({found_in}) fails: {_cause(error)}"
            ) from error
    repositories = loaded.definitions_by_name
    if len(repositories) != 1:
        raise UsageError(
            f"{named} ({found_in}) holds {len(repositories)} repositories, not one: {', '.join(sorted(repositories))}"
        )
    ((name, repository),) = repositories.items()
    return CodeLocation(str(named), found_in, repository, loaded.reconstructables_by_name[name])


def _origin(module: str | None) -> tuple[LoadableTargetOrigin, str]:
    folder = str(Path.cwd())
    if module is not None:
        if module.endswith(".py"):
            if not Path(module).is_file():
                raise UsageError(f"--module {module}: there is no such file")
            return LoadableTargetOrigin(python_file=module, working_directory=folder), "--module"
        return LoadableTargetOrigin(module_name=module, working_directory=folder), "--module"
    if Path(WORKSPACE_FILE).is_file():
        return _origin_of_workspace_file(), WORKSPACE_FILE
    if Path(DG_FILE).is_file():
        return LoadableTargetOrigin(module_name=_module_of_dg_file(), working_directory=folder), DG_FILE
    raise NoCodeLocationError(
        f"there is no code location here: {folder} has no {WORKSPACE_FILE} and no {DG_FILE}. "
        "Change into your project's folder, or name its module: --module my_project.definitions"
    )


def _origin_of_workspace_file() -> LoadableTargetOrigin:
    try:
        origins = location_origins_from_yaml_paths([WORKSPACE_FILE])
    except (dg.DagsterError, yaml.YAMLError, KeyError, TypeError) as error:
        raise UsageError(f"{WORKSPACE_FILE} cannot be read: {_cause_line(error)}") from error
    targets = {
        origin.location_name: target
        for origin in origins
        if (target := getattr(origin, "loadable_target_origin", None)) is not None
    }
    if len(targets) == 1:
        (target,) = targets.values()
        assert isinstance(target, LoadableTargetOrigin)  # noqa: S101 -- narrows the type
        return target._replace(working_directory=target.working_directory or str(Path.cwd()))
    if not targets:
        raise UsageError(
            f"{WORKSPACE_FILE} names no code location that is Python code here; name a module: --module"
        )
    raise UsageError(
        f"{WORKSPACE_FILE} names {len(targets)} code locations ({', '.join(sorted(targets))}); "
        "say which one with --module"
    )


def _module_of_dg_file() -> str:
    import tomllib

    try:
        project = tomllib.loads(Path(DG_FILE).read_text(encoding="utf-8")).get("project") or {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{DG_FILE} cannot be read: {error}") from error
    module = project.get("code_location_target_module")
    if module is None and project.get("root_module"):
        module = f"{project['root_module']}.definitions"
    if not isinstance(module, str):
        raise UsageError(f"{DG_FILE} names no module (code_location_target_module); name one: --module")
    return module


def _cause(error: BaseException) -> str:
    """The innermost error with the place that raised it: what Dagster wraps around it says less."""
    while error.__cause__ is not None:
        error = error.__cause__
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        is_ours = file.parent == Path(__file__).parent or "site-packages" in file.parts
        if not is_ours and file.is_file() and "importlib" not in file.parts:
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}: {_first_line(error)}{place}"


def _cannot_be_opened(error: Exception) -> str:
    return f"the Dagster instance of DAGSTER_HOME cannot be opened: {_cause_line(error)}"


def _cause_line(error: BaseException) -> str:
    """The error in one line; one of YAML says where it is, one of configuration what does not fit."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem_mark.name}, line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, dg.DagsterInvalidConfigError) and error.errors:
        return (
            _first_line(error).removesuffix(".") + f": {error.errors[0].message.partition(' Expected: ')[0]}"
        )
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
