"""Models of YAML: every value may be a template, and an error names file, line and key.

A model of settings says what a value is when its templates are resolved. From it follows the model of the YAML, where
a text with ``{{ ... }}`` may stand for any value; its JSON schema is what ``dg check yaml`` and editors know.
"""

import dataclasses
import re
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import dagster as dg
import yaml  # type: ignore[import-untyped]
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
Template = Annotated[str, StringConstraints(pattern=_TEMPLATE.pattern)]


class _YamlModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


def resolve_attributes(
    component: type[BaseModel], context: dg.ResolutionContext, model: BaseModel
) -> dict[str, Any]:
    """The values of a component's fields from its YAML.

    Strings are taken as they stand; only those that hold ``{{``, ``{%`` or ``{#`` are templates.

    Args:
        component: class of the component.
        context: what templates can use, and where the YAML is.
        model: the YAML, as ``yaml_model`` of the component has it.

    Raises:
        dagster.DagsterInvalidDefinitionError: a value is not what it should be.
    """
    values: dict[str, Any] = {}
    for name in model.model_fields_set:
        info = component.model_fields[name]
        resolver = _own_resolver(info)
        if resolver is not None:
            values[name] = resolver.execute(context=context, model=model, field_name=name)
        else:
            kind = info.rebuild_annotation()
            values[name] = _validated(context.at_path(name), kind, getattr(model, name))
    return values


def _own_resolver(info: FieldInfo) -> dg.Resolver | None:
    """The resolver that a field of a user's own component has."""
    found = (mark for mark in info.metadata if isinstance(mark, dg.Resolver))
    return next((resolver for resolver in found if not resolver.is_default), None)


def _validated(context: dg.ResolutionContext, kind: Any, value: Any) -> Any:
    resolved = _resolve(context, value)
    if resolved is not None and kind in (str, str | None):
        resolved = str(resolved)  # a template that yields digits is a number
    try:
        return TypeAdapter(kind).validate_python(resolved)
    except ValidationError as error:
        raise dg.DagsterInvalidDefinitionError(_explain(context, error)) from None


def _resolve(context: dg.ResolutionContext, value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in value.model_fields_set}
    if isinstance(value, Mapping):
        return {key: _resolve(context.at_path(key), entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(context.at_path(number), entry) for number, entry in enumerate(value)]
    if isinstance(value, str) and _TEMPLATE.search(value):
        return context.resolve_value(value)
    return value


def _explain(context: dg.ResolutionContext, error: ValidationError) -> str:
    lines = []
    for entry in error.errors(include_url=False, include_context=False):
        path = [*context.path, *(part for part in entry["loc"] if isinstance(part, str | int))]
        message = entry["msg"].removeprefix("Value error, ").rstrip(".")
        lines.append(f"{_place(context, path)}: {message}, it is {entry['input']!r}")
    return "\n".join(lines)


def refuse_double_keys(context: dg.ResolutionContext) -> None:
    """Refuse a file with a key that stands twice in one place: YAML takes the last one, and the other is lost.

    Raises:
        dagster.DagsterInvalidDefinitionError: it has one.
    """
    tree = context.source_position_tree
    if tree is None:
        return
    file = tree.position.filename
    try:
        documents = list(yaml.compose_all(Path(file).read_text(encoding="utf-8"), Loader=yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return  # refused elsewhere, with its place
    nodes: list[Any] = [node for node in documents if node is not None]
    for node in nodes:
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        first: dict[str, int] = {}
        for key, value in node.value:
            nodes.append(value)
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, line) != line:
                raise dg.DagsterInvalidDefinitionError(
                    f"{file}:{line}, {key.value}: this key stands in line {first[key.value]} already; only one "
                    "of the two would count"
                )


class Places:
    """Where keys stand, for errors about what only shows when the YAML is compared with the notebooks.

    Args:
        find: file, line and key for a path below the attributes; ``None``: they come from no file.
    """

    def __init__(self, find: Callable[[Sequence[str | int]], str] | None = None) -> None:
        self._find = find

    @staticmethod
    def of(context: dg.ResolutionContext) -> "Places":
        """The places in the file that a component is resolved from."""
        return Places(lambda path: _place(context, [*context.path, *path]))

    def __call__(self, *path: str | int) -> str:
        """File and line if they are known, and the key: ``places("notebooks", "Load_X")``."""
        return self._find(path) if self._find is not None else ".".join(map(str, path))


def _place(context: dg.ResolutionContext, path: list[str | int]) -> str:
    key = ".".join(str(part) for part in path)
    tree = context.source_position_tree
    if tree is None:
        return key
    position, _ = tree.lookup_closest_and_path(path, None)
    return f"{position}, {key}"


@cache
def yaml_model(model: type[BaseModel]) -> type[BaseModel]:
    """The model of the YAML for a model of settings, with descriptions from its docstring."""
    texts = descriptions(model)
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        resolver = _own_resolver(info)
        kind = yaml_type(info.rebuild_annotation())
        if resolver is not None:
            kind = resolver.model_field_type or info.annotation
        description = info.description or texts.get(name)
        if info.is_required():
            fields[name] = (kind, Field(description=description, repr=info.repr))
        else:
            default = info.get_default(call_default_factory=True, validated_data={})
            if isinstance(default, BaseModel):
                default = default.model_dump(exclude_unset=True, mode="json")
            fields[name] = (kind, Field(default, description=description, repr=info.repr))
    summary = (model.__doc__ or "").partition("\n")[0]
    return create_model(model.__name__, __base__=_YamlModel, __doc__=summary, **fields)


@cache
def _yaml_model_of_dataclass(kind: type) -> type[BaseModel]:
    texts = descriptions(kind)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        default = field.default_factory() if callable(field.default_factory) else field.default
        fields[field.name] = (yaml_type(field.type), Field(default, description=texts.get(field.name)))
    summary = (kind.__doc__ or "").partition("\n")[0]
    return create_model(kind.__name__, __base__=_YamlModel, __doc__=summary, **fields)


def descriptions(model: type) -> dict[str, str]:
    """What docstrings say of each field (``Attributes`` or ``Args``); a class's own text before those it inherits."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = base.__dict__.get("__doc__") or ""
        section = text.partition("Attributes:" if "Attributes:" in text else "Args:")[2]
        for match in re.finditer(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", section, re.MULTILINE):
            text = " ".join(match[2].split())
            found[match[1]] = text[:1].upper() + text[1:]
    return found


def yaml_type(kind: Any) -> Any:
    """The type of the YAML for a type of settings: models replaced, and a template allowed for what is no text."""
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return yaml_model(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _yaml_model_of_dataclass(kind)
    if origin is Annotated:
        if isinstance(args[0], type) and issubclass(args[0], BaseModel):
            return yaml_type(args[0]) | None  # what is left empty is not set
        return kind if args[0] is str else kind | Template
    if origin in (Union, types.UnionType):
        return Union[tuple(yaml_type(arg) for arg in args)]  # noqa: UP007 -- of a tuple
    if origin is list:
        return list[yaml_type(args[0])]  # type: ignore[misc]
    if origin in (dict, Mapping):
        return dict[str, yaml_type(args[1])]  # type: ignore[misc]
    if kind in (str, type(None)):
        return kind
    return kind | Template
