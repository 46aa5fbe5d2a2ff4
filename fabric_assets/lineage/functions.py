"""Follows calls of functions that notebooks define."""

import ast
from typing import Any

from fabric_assets.lineage.interpreter import Flow, Interpreter
from fabric_assets.lineage.possibilities import one_of
from fabric_assets.lineage.surroundings import Surroundings
from fabric_assets.lineage.values import (
    Const,
    Decorated,
    Function,
    Items,
    Mapping,
    Never,
    Partial,
    Scope,
    Unknown,
)


def call_function(
    interpreter: Interpreter, function: Function, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """Follow the body of a function with these arguments; the value that it returns."""
    node = function.node
    names = bound(function, arguments, keywords)
    if not interpreter.recursions.enters(interpreter, function, names):
        return Unknown(f"the result of {function.name}, which calls itself")
    session = interpreter.session
    former_scope = interpreter.enter(Scope(names, function.scope))
    former_returned, interpreter.returned = interpreter.returned, []
    former_yielded = interpreter.yielded, interpreter.yielded_all, interpreter.yield_branches
    interpreter.yielded, interpreter.yielded_all = [], True
    interpreter.yield_branches, former_at_yield = session.branches, interpreter.at_yield
    interpreter.followed[node] += 1
    interpreter.call_stack.append(node)
    interpreter.owners.append(function.owner)
    session.inside.append(function.name)
    interpreter.pinned += 1
    try:
        if isinstance(node, ast.Lambda):
            return interpreter.evaluate(node.body)
        flow = interpreter.run(node.body)
        returned = interpreter.returned
        if interpreter.yielded:
            if set(function.decorators) & {"contextmanager", "asynccontextmanager"}:
                if interpreter.at_yield is not None:  # what comes after that is done when it is left
                    interpreter.exits.append((interpreter.at_yield, Surroundings.of(session)))
                    interpreter.at_yield.restore(session)
                return interpreter.yielded[0]
            return Items(interpreter.yielded, interpreter.yielded_all)
        if flow is Flow.NEXT:
            returned = [*returned, (frozenset(session.branches.items()), Const(None))]
        if returned:
            return one_of(returned)
        return Never() if flow is Flow.EXIT else Unknown()
    finally:
        interpreter.pinned -= 1
        session.inside.pop()
        interpreter.owners.pop()
        interpreter.call_stack.pop()
        interpreter.recursions.leave()
        interpreter.yielded, interpreter.yielded_all, interpreter.yield_branches = former_yielded
        interpreter.returned, interpreter.at_yield = former_returned, former_at_yield
        interpreter.enter(former_scope)


def bound(function: Function, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a function with their values in a call."""
    parameters = function.node.args
    positional = [*parameters.posonlyargs, *parameters.args]
    names: dict[str, Any] = {}
    for parameter, value in zip(positional, arguments, strict=False):
        names[parameter.arg] = value
    rest = arguments[len(positional) :]
    if parameters.vararg is not None:
        names[parameters.vararg.arg] = Items(list(rest), kind="tuple")
    known = {parameter.arg for parameter in [*parameters.args, *parameters.kwonlyargs]}
    extra = {key: value for key, value in keywords.items() if key not in known}
    names.update({key: value for key, value in keywords.items() if key in known})
    if parameters.kwarg is not None:
        names[parameters.kwarg.arg] = Mapping(dict(extra))
    for parameter in [*positional, *parameters.kwonlyargs]:
        if parameter.arg not in names:
            default = function.defaults.get(parameter.arg)
            names[parameter.arg] = (
                default if default is not None else Unknown(f"the argument {parameter.arg!r}")
            )
    return names


def parameter_names(interpreter: Interpreter, function: Any, arguments: list[Any]) -> dict[str, Any]:
    """The values of a call's positional arguments and of defaults, by name where the signature is known."""
    if isinstance(function, Decorated):
        return parameter_names(interpreter, function.original, arguments)
    if isinstance(function, Partial):
        values = parameter_names(interpreter, function.function, [*function.arguments, *arguments])
        return {**values, **dict(function.keywords)}
    if isinstance(function, Function):
        values = bound(function, arguments, {})
        missing = {
            n for n in values if isinstance(values[n], Unknown) and values[n].reason == f"the argument {n!r}"
        }
        return {name: value for name, value in values.items() if name not in missing}
    return {str(position): value for position, value in enumerate(arguments)}
