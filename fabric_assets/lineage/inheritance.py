"""What ``super()`` gives: the attributes of the classes after the one whose method is followed."""

import ast
from collections.abc import Sequence
from typing import Any

from fabric_assets.lineage.classes import bound_to
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.values import Bound, ClassValue, Instance, Lib, Partial, Super, Unknown
from fabric_assets.lineage.work import spend


def superclass(interpreter: Interpreter, arguments: Sequence[Any]) -> Any:
    """The value of ``super()`` or ``super(Class, self)`` in the method that is being followed."""
    if len(arguments) == 2:
        after, owner = arguments
    else:
        after = interpreter.owners[-1] if interpreter.owners else None
        owner = _first_argument(interpreter)
    if isinstance(after, ClassValue) and isinstance(owner, Instance | ClassValue):
        return Super(owner, after)
    return Bound(Unknown(), "super")


def _first_argument(interpreter: Interpreter) -> Any | None:
    node = interpreter.call_stack[-1] if interpreter.call_stack else None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return interpreter.lookup("self")
    parameters = [*node.args.posonlyargs, *node.args.args]
    return interpreter.lookup(parameters[0].arg) if parameters else None


def super_attribute(interpreter: Interpreter, value: Super, name: str) -> Any:
    """The attribute of the first class after the given one that has it, methods bound to the object itself."""
    owner = value.owner
    cls = owner.cls if isinstance(owner, Instance) else owner
    order = method_order(cls) if cls is not None else []
    rest = order[order.index(value.after) + 1 :] if value.after in order else []
    for base in rest:
        if name in base.attributes:
            return bound_to(interpreter, owner, base.attributes[name])
    if name == "__setattr__":
        return Partial(Lib("builtins.setattr"), (owner,))
    return Lib("builtins.object.__new__") if name == "__new__" else Bound(Unknown(), name)


def method_order(
    cls: ClassValue, known: dict[ClassValue, list[ClassValue]] | None = None
) -> list[ClassValue]:
    """The class and its bases in the order in which Python looks for attributes (C3).

    Args:
        cls: the class.
        known: orders of bases that were found already.
    """
    known = {} if known is None else known
    if cls in known:
        return known[cls]
    spend(1)
    bases = [base for base in cls.bases if isinstance(base, ClassValue)]
    sequences = [list(method_order(base, known)) for base in bases] + [bases]
    order = [cls]
    while any(sequences):
        for sequence in filter(None, sequences):
            head = sequence[0]
            if not any(head in other[1:] for other in sequences):
                break
        else:
            break  # Python refuses such a class
        order.append(head)
        sequences = [[entry for entry in sequence if entry is not head] for sequence in sequences]
    known[cls] = order
    return order
