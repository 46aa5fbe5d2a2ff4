"""Follows classes that notebooks define: objects, dataclasses, enumerations, named tuples."""

from typing import Any

from fabric_assets.lineage.class_fields import Fields
from fabric_assets.lineage.functions import call_function
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.possibilities import map_options, one_of, options_of
from fabric_assets.lineage.values import (
    AUTO,
    ClassValue,
    Const,
    Decorated,
    FieldFactory,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    Partial,
    PartialMethod,
    Unknown,
)
from fabric_assets.lineage.words import words
from fabric_assets.lineage.work import spend

_ENUMERATIONS = words("Enum Flag")
_VALUE_ENUMERATIONS = words("StrEnum IntEnum IntFlag ReprEnum")
_VALUE_TYPES = words("builtins.str builtins.int")


def make_class(
    interpreter: Interpreter,
    name: str,
    attributes: dict[str, Any],
    bases: tuple[Any, ...],
    own_fields: Fields,
) -> ClassValue:
    """The class of a class statement.

    Args:
        interpreter: follows the methods that make the members of an enumeration.
        name: of the class.
        attributes: names that its body binds.
        bases: values of its bases.
        own_fields: fields that its body annotates.
    """
    fields = own_fields.after([base.fields for base in bases if isinstance(base, ClassValue)])
    value = ClassValue(name, attributes, bases, fields, _kind(bases))
    if value.is_enumeration:
        _make_members(interpreter, value)
    for base in bases:
        if isinstance(base, ClassValue):
            base.subclasses.append(value)
    return value


def _kind(bases: tuple[Any, ...]) -> str:
    kinds = {base.kind for base in bases if isinstance(base, ClassValue)} - {""}
    if kinds:
        return sorted(kinds)[-1]
    names = {base.name for base in bases if isinstance(base, Lib)}
    lasts = {name.rpartition(".")[2] for name in names}
    if lasts & _VALUE_ENUMERATIONS or (lasts & _ENUMERATIONS and names & _VALUE_TYPES):
        return "value enumeration"
    if lasts & _ENUMERATIONS:
        return "enumeration"
    return "tuple" if "NamedTuple" in lasts else "dictionary" if "TypedDict" in lasts else ""


def _make_members(interpreter: Interpreter, cls: ClassValue) -> None:
    members: dict[str, Instance] = {}
    for name, value in list(cls.attributes.items()):
        if name.startswith("_") or isinstance(value, Function | ClassValue | Partial | Lib):
            continue
        if value is AUTO:
            texts = any(isinstance(base, Lib) and base.name.endswith("StrEnum") for base in cls.bases)
            value = Const(name.lower() if texts else len(members) + 1)
        own = {"name": Const(name), "value": value, "_name_": Const(name), "_value_": value}
        members[name] = cls.attributes[name] = Instance(own, cls)
        initializer = cls.lookup("__init__")
        if isinstance(initializer, Function):
            arguments = value.items if isinstance(value, Items) and value.kind == "tuple" else [value]
            call_function(interpreter, initializer, [members[name], *arguments], {})
    cls.members = members


def make_by_metaclass(interpreter: Interpreter, cls: ClassValue, named: list[Any]) -> None:
    """Follow what the metaclass of a class, named or inherited, does when the class is made."""
    inherited = [base.metaclass for base in cls.bases if isinstance(base, ClassValue)]
    cls.metaclass = next((meta for meta in [*named, *inherited] if isinstance(meta, ClassValue)), None)
    if cls.metaclass is None:
        return
    about = [Const(cls.name), Items(list(cls.bases), kind="tuple"), Mapping(dict(cls.attributes))]
    outer, interpreter.made_class = interpreter.made_class, cls
    try:
        for name, owner in (("__new__", cls.metaclass), ("__init__", cls)):
            hook = cls.metaclass.lookup(name)
            if isinstance(hook, Function):
                call_function(interpreter, hook, [owner, *about], {})
    finally:
        interpreter.made_class = outer


def construct(
    interpreter: Interpreter, cls: ClassValue, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """A new object of a class; of an enumeration the member with that value."""
    if cls.is_enumeration:
        return _member_of_value(interpreter, cls, arguments)
    if cls.kind == "dictionary":
        return Mapping(dict(keywords), complete=not arguments)
    instance = Instance({}, cls)
    maker = cls.lookup("__new__")
    if isinstance(maker, Function) and maker.node not in interpreter.call_stack:
        made = call_function(interpreter, maker, [cls, *arguments], keywords)
        found = [option for _, option in options_of(made) if isinstance(option, Instance)]
        instance = found[0] if found else instance
    initializer = cls.lookup("__init__")
    if isinstance(initializer, Function):
        call_function(interpreter, initializer, [instance, *arguments], keywords)
        return instance
    for name in cls.fields.names:
        default = cls.lookup(name)
        if isinstance(default, FieldFactory):
            instance.attributes[name] = interpreter.invoke(default.function, [])
    for name, value in zip(cls.fields.arguments, arguments, strict=False):
        instance.attributes[name] = value
    instance.attributes.update(keywords)
    given = [instance.attributes.pop(name, None) or cls.lookup(name) for name in cls.fields.passed_on]
    after = cls.lookup("__post_init__")
    if isinstance(after, Function):
        call_function(
            interpreter, after, [instance, *(Unknown() if value is None else value for value in given)], {}
        )
    return instance


def _member_of_value(interpreter: Interpreter, cls: ClassValue, arguments: list[Any]) -> Any:
    def member_of(wanted: Any) -> Any:
        if isinstance(wanted, Instance) and wanted.cls is cls:
            return wanted
        if isinstance(wanted, Const):
            for found in cls.members.values():
                value = found.attributes["value"]
                if isinstance(value, Const) and value.value == wanted.value:
                    return found
        return Unknown()

    return (
        map_options(member_of, arguments[:1], interpreter.session.branches)
        if len(arguments) == 1
        else Unknown()
    )


def member(interpreter: Interpreter, owner: Instance | ClassValue, name: str) -> Any | None:
    """The attribute of an object or class, methods bound to it; ``None`` if it is not known."""
    if isinstance(owner, ClassValue):
        found = owner.lookup(name)
        if isinstance(found, Function) and "classmethod" in found.decorators:
            return Partial(found, (owner,))
        if found is None and name in ("model_validate", "parse_obj"):
            return Partial(Lib("pydantic.model_validate"), (owner,))
        if found is None and name == "__new__":
            return Lib("builtins.object.__new__")
        if found is None and name == "__dict__":
            return Mapping(dict(owner.attributes))
        if found is None and name == "__members__":
            return Mapping(dict(owner.members))
        if found is None and name == "__subclasses__":
            return Partial(Lib("copy.copy"), (Items(list(owner.subclasses)),))
        return found
    if name in owner.attributes:
        return owner.attributes[name]
    if name == "__dict__":
        owner.attributes.update({**as_dictionary(owner).entries, **owner.attributes})
        return Mapping(owner.attributes)
    if name == "_asdict":
        return Partial(Lib("copy.copy"), (as_dictionary(owner),))
    if name == "model_dump" and owner.cls is not None:
        return Partial(Lib("copy.copy"), (as_dictionary(owner),))
    if name == "model_copy":
        return Partial(Lib("pydantic.model_copy"), (owner,))
    if name == "_replace":
        return Partial(Lib("dataclasses.replace"), (owner,))
    if name == "__class__" and owner.cls is not None:
        return owner.cls
    return bound_to(interpreter, owner, owner.cls.lookup(name) if owner.cls is not None else None)


def bound_to(interpreter: Interpreter, owner: Instance | ClassValue, found: Any | None) -> Any | None:
    """What an attribute of a class is when an object (or, of a class method, a class) is asked for it."""
    cls = owner.cls if isinstance(owner, Instance) else owner
    if isinstance(found, Decorated):
        is_static = "staticmethod" in getattr(found.original, "decorators", ())
        return found if is_static else Partial(found, (owner,))
    if isinstance(found, PartialMethod):
        return Partial(found.function, (owner, *found.arguments), found.keywords)
    if not isinstance(found, Function) or "staticmethod" in found.decorators:
        return found
    if "classmethod" in found.decorators:
        return Partial(found, (cls,))
    if "property" in found.decorators or "cached_property" in found.decorators:
        return call_function(interpreter, found, [owner], {})
    return Partial(found, (owner,))


def as_dictionary(value: Instance) -> Mapping:
    """The fields of an object, as ``dataclasses.asdict`` gives them."""
    spend(1)
    entries: dict[Any, Any] = {}
    if value.cls is not None:
        defaults = ((name, value.cls.lookup(name)) for name in value.cls.fields.names)
        entries = {name: default for name, default in defaults if default is not None}
    entries.update(value.attributes)
    return Mapping({k: as_dictionary(v) if _is_record(v) else v for k, v in entries.items()})


def _is_record(value: Any) -> bool:
    return isinstance(value, Instance) and value.cls is not None and not value.cls.is_enumeration


def replaced(interpreter: Interpreter, value: Any, keywords: dict[str, Any]) -> Any:
    """A copy of an object with some fields replaced, as ``dataclasses.replace`` makes it."""

    def copy(option: Any) -> Any:
        if not isinstance(option, Instance):
            return Unknown()
        if option.cls is None or not isinstance(option.cls.lookup("__post_init__"), Function):
            return Instance({**option.attributes, **keywords}, option.cls)
        known = {name: option.attributes.get(name) for name in option.cls.fields.arguments}
        given = {name: part for name, part in known.items() if part is not None}
        return construct(interpreter, option.cls, [], {**given, **keywords})

    return map_options(copy, [value], interpreter.session.branches)


def printed(interpreter: Interpreter, value: Any, *, as_source: bool = False) -> Any:
    """The value as ``str()`` takes it, or ``repr()``: objects that have methods for it as what these return."""
    if not any(isinstance(option, Instance) for _, option in options_of(value)):
        return value
    results = []
    for guard, option in options_of(value):
        cls = option.cls if isinstance(option, Instance) else None
        names = ("__repr__",) if as_source else ("__str__", "__repr__")
        method = next(filter(None, (cls.lookup(name) for name in names if cls is not None)), None)
        if isinstance(method, Function) and interpreter.call_stack.count(method.node) < 2:
            results.append((guard, call_function(interpreter, method, [option], {})))
        else:
            results.append((guard, option))
    return one_of(results)


def compared_members(left: Any, right: Any) -> bool | None:
    """Whether two members of enumerations are equal, ``None`` if these are no members."""
    if _is_member(left) and _is_member(right):
        return bool(left.cls.name == right.cls.name and left.attributes["name"] == right.attributes["name"])
    for one, other in ((left, right), (right, left)):
        # A member of a plain enumeration equals no text; the others are compared by their values.
        if _is_member(one) and isinstance(other, Const) and one.cls.kind == "enumeration":
            return False
    return None


def _is_member(value: Any) -> bool:
    return isinstance(value, Instance) and value.cls is not None and value.cls.is_enumeration
