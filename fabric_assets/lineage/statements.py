"""Python statements: what each kind does to the names and to the notes of the analysis."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from fabric_assets.lineage.assignments import assign, loaded
from fabric_assets.lineage.class_fields import fields_of
from fabric_assets.lineage.classes import make_by_metaclass, make_class, member
from fabric_assets.lineage.decorators import decorate_class, decorated
from fabric_assets.lineage.expressions import slice_limits
from fabric_assets.lineage.interpreter import Flow, Interpreter
from fabric_assets.lineage.matching import match_statement
from fabric_assets.lineage.operations import deleted_slice
from fabric_assets.lineage.plain import find_entry
from fabric_assets.lineage.possibilities import without_empty
from fabric_assets.lineage.values import (
    ClassValue,
    Const,
    Decorated,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    Never,
    OneOf,
    Scope,
    Unknown,
)


def _expression(interpreter: Interpreter, node: ast.Expr) -> Flow:
    return Flow.EXIT if isinstance(interpreter.evaluate(node.value), Never) else Flow.NEXT


def _assignment(interpreter: Interpreter, node: ast.Assign) -> Flow:
    value = interpreter.evaluate(node.value)
    if isinstance(value, Never):
        return Flow.EXIT
    for target in node.targets:
        assign(interpreter, target, value)
    return Flow.NEXT


def _annotated(interpreter: Interpreter, node: ast.AnnAssign) -> Flow:
    if node.value is not None:
        assign(interpreter, node.target, interpreter.evaluate(node.value))
    return Flow.NEXT


def _augmented(interpreter: Interpreter, node: ast.AugAssign) -> Flow:
    load = ast.copy_location(loaded(node.target), node.target)
    operation = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
    owner = interpreter.evaluate(load) if isinstance(node.op, ast.Add) else None
    if isinstance(owner, Items) and owner.kind == "list":
        added = interpreter.evaluate(node.value)
        if isinstance(added, Items):
            owner.add(added.items, added.complete)
        else:
            owner.complete = False
        return Flow.NEXT
    assign(interpreter, node.target, interpreter.evaluate(operation))
    return Flow.NEXT


def _return(interpreter: Interpreter, node: ast.Return) -> Flow:
    value = interpreter.evaluate(node.value) if node.value is not None else Const(None)
    guard = frozenset(interpreter.session.branches.items())
    interpreter.returned.append((guard, value))
    return Flow.RETURN


def _function(interpreter: Interpreter, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    function = interpreter.make_function(node, node.name)
    value = decorated(interpreter, function, node.decorator_list) if node.decorator_list else function
    interpreter.bind(node.name, value)
    return Flow.NEXT


def _class(interpreter: Interpreter, node: ast.ClassDef) -> Flow:
    bases = tuple(interpreter.evaluate(base) for base in node.bases)
    outer, interpreter.scope = interpreter.scope, Scope({}, interpreter.scope)
    try:
        interpreter.run(node.body)
        names = interpreter.scope.names
    finally:
        interpreter.scope = outer
    functions = [a.original if isinstance(a, Decorated) else a for a in names.values()]
    methods = [function for function in functions if isinstance(function, Function)]
    for method in methods:
        method.scope = outer
    value = make_class(interpreter, node.name, names, bases, fields_of(node.body))
    for method in methods:
        method.owner = value
    interpreter.bind(node.name, value)
    metaclasses = [interpreter.evaluate(k.value) for k in node.keywords if k.arg == "metaclass"]
    make_by_metaclass(interpreter, value, metaclasses)
    for base in bases:
        hook = base.lookup("__init_subclass__") if isinstance(base, ClassValue) else None
        if isinstance(hook, Function):
            interpreter.invoke(hook, [value])
    decorate_class(interpreter, value, node.decorator_list)
    return Flow.NEXT


def _import(interpreter: Interpreter, node: ast.Import) -> Flow:
    for alias in node.names:
        if alias.asname:
            interpreter.bind(alias.asname, Lib(alias.name))
        else:
            top = alias.name.partition(".")[0]
            if not isinstance(interpreter.lookup(top), Lib) or top not in ("notebookutils", "mssparkutils"):
                interpreter.bind(top, Lib(top))
    return Flow.NEXT


def _import_from(interpreter: Interpreter, node: ast.ImportFrom) -> Flow:
    module = node.module or ""
    for alias in node.names:
        if alias.name == "*":
            interpreter.bind(f"*{module}", Lib(module))
            if module == "delta.tables":
                interpreter.bind("DeltaTable", Lib("delta.tables.DeltaTable"))
            elif module == "deltalake":
                interpreter.bind("DeltaTable", Lib("deltalake.DeltaTable"))
                interpreter.bind("write_deltalake", Lib("deltalake.write_deltalake"))
        elif alias.name in ("mssparkutils", "notebookutils"):
            interpreter.bind(alias.asname or alias.name, Lib("notebookutils"))
        else:
            interpreter.bind(alias.asname or alias.name, Lib(f"{module}.{alias.name}"))
    return Flow.NEXT


def _delete(interpreter: Interpreter, node: ast.Delete) -> Flow:
    for target in node.targets:
        if isinstance(target, ast.Name):
            interpreter.scope.names.pop(target.id, None)
        elif isinstance(target, ast.Subscript) and not interpreter.session.branches:
            owner = interpreter.evaluate(target.value)
            if isinstance(target.slice, ast.Slice):
                if isinstance(owner, Items):
                    kept = deleted_slice(target, owner, slice_limits(interpreter, target.slice))
                    owner.items, owner.complete = kept.items, kept.complete
                continue
            key = interpreter.evaluate(target.slice)
            if isinstance(owner, Mapping):
                owner.entries.pop(find_entry(owner, key), None)
            elif isinstance(owner, Items) and isinstance(key, Const) and isinstance(key.value, int):
                del owner.items[key.value : key.value + 1 or None]
    return Flow.NEXT


def _global(interpreter: Interpreter, node: ast.Global) -> Flow:
    if interpreter.scope.outer is not None:
        interpreter.scope.globals_declared.update(node.names)
    return Flow.NEXT


def _nonlocal(interpreter: Interpreter, node: ast.Nonlocal) -> Flow:
    interpreter.scope.nonlocals_declared.update(node.names)
    return Flow.NEXT


def _with(interpreter: Interpreter, node: ast.With | ast.AsyncWith) -> Flow:
    managers, outer_exits = [], len(interpreter.exits)
    for item in node.items:
        value = interpreter.evaluate(item.context_expr)
        if isinstance(value, Instance) and value.cls is not None:
            managers.append(value)
            entered = _called_method(interpreter, value, ("__enter__", "__aenter__"), [])
            value = value if entered is None or isinstance(entered, Unknown) else entered
        if item.optional_vars is not None:
            assign(interpreter, item.optional_vars, value)
    flow = interpreter.run(node.body)
    for manager in reversed(managers):
        _called_method(interpreter, manager, ("__exit__", "__aexit__"), [Unknown("an exception")] * 3)
    while len(interpreter.exits) > outer_exits:
        before, after = interpreter.exits.pop()
        after.change(interpreter.session, before)
    return flow


def _called_method(
    interpreter: Interpreter, owner: Instance, names: tuple[str, ...], arguments: list[Any]
) -> Any:
    """The value of the call of the first of these methods that the object has, ``None`` if it has none."""
    for name in names:
        method = member(interpreter, owner, name)
        if method is not None:
            return interpreter.invoke(method, arguments)
    return None


def _assert(interpreter: Interpreter, node: ast.Assert) -> Flow:
    interpreter.evaluate(node.test)
    return Flow.NEXT


def _raise(interpreter: Interpreter, node: ast.Raise) -> Flow:
    if node.exc is not None:
        interpreter.evaluate(node.exc)
    return Flow.RAISE


def _if(interpreter: Interpreter, node: ast.If) -> Flow:
    condition = interpreter.evaluate(node.test)
    decision = interpreter.decided(condition)
    if decision is not None:
        return interpreter.run(node.body if decision else node.orelse)
    flow = interpreter.branch(
        [lambda: interpreter.run(node.body), lambda: interpreter.run(node.orelse)],
        interpreter.branching(node.test),
    )
    for name in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}:
        value = interpreter.scope.names.get(name)
        if isinstance(value, OneOf):  # `if not name: name = ...` gives it a value
            interpreter.scope.names[name] = without_empty(value)
    return flow


def _try(interpreter: Interpreter, node: ast.Try) -> Flow:
    def body() -> Flow:
        flow = interpreter.run(node.body)
        return interpreter.run(node.orelse) if flow is Flow.NEXT else flow

    def handler(entry: ast.ExceptHandler) -> Flow:
        # The exception may come after any statement: what the body assigned may or may not be there.
        interpreter.branch([lambda: Flow.NEXT, lambda: _quietly(interpreter, node.body)])
        if entry.name:
            interpreter.bind(entry.name, Unknown("an exception"))
        return interpreter.run(entry.body)

    bodies: list[Callable[[], Flow]] = [body]
    bodies += [lambda entry=entry: handler(entry) for entry in node.handlers]  # type: ignore[misc]
    flow = interpreter.branch(bodies) if node.handlers else body()
    final = interpreter.run(node.finalbody)
    return final if final is not Flow.NEXT else flow


def _quietly(interpreter: Interpreter, statements: Sequence[ast.stmt]) -> Flow:
    """Only the assignments of plain values: the rest was noted when the body was followed."""
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(
            statement.value, ast.Constant | ast.JoinedStr | ast.Name
        ):
            interpreter.run([statement])
    return Flow.NEXT


def _for(interpreter: Interpreter, node: ast.For | ast.AsyncFor) -> Flow:
    iterable = interpreter.evaluate(node.iter)
    items, complete = interpreter.iterate(iterable)
    if not items and not complete:
        return interpreter.unknown_loop(
            node.body, node.orelse, lambda: assign(interpreter, node.target, interpreter.element(iterable))
        )
    if len(items) > interpreter.max_items:
        interpreter.session.gap(
            f"a loop over {len(items)} items: only the first {interpreter.max_items} are followed"
        )
        items = items[: interpreter.max_items]
    for item in items:
        assign(interpreter, node.target, item)
        flow = interpreter.run(node.body)
        if flow is Flow.BREAK:
            return Flow.NEXT
        if flow in (Flow.RETURN, Flow.RAISE, Flow.EXIT):
            return flow
    if not complete:
        interpreter.unknown_loop(
            node.body, [], lambda: assign(interpreter, node.target, interpreter.element(iterable))
        )
    return interpreter.run(node.orelse)


def _while(interpreter: Interpreter, node: ast.While) -> Flow:
    for _ in range(interpreter.max_items):
        decision = interpreter.decided(interpreter.evaluate(node.test))
        if decision is False:
            return interpreter.run(node.orelse)
        if decision is None or isinstance(node.test, ast.Constant):
            break
        flow = interpreter.run(node.body)
        if flow is Flow.BREAK:
            return Flow.NEXT
        if flow in (Flow.RETURN, Flow.RAISE, Flow.EXIT):
            return flow
    return interpreter.unknown_loop(node.body, node.orelse, lambda: None)


STATEMENTS: dict[type, Callable[[Interpreter, Any], Flow]] = {
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.If: _if,
    ast.Match: match_statement,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: lambda _, __: Flow.BREAK,
    ast.Continue: lambda _, __: Flow.CONTINUE,
}
