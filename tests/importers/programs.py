"""Random orchestrating notebooks, and what really happens when one runs."""

import contextlib
import io
import random
import sys
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

HEAD = """
import notebookutils
run = notebookutils.notebook.run
runMultiple = notebookutils.notebook.runMultiple
x, n, v, flag = 1, 'a', None, False
names = ['a', 'b']
acts = [{'name': 'S', 'path': 'S0'}]
d = {'k': 'v'}
def some():
    yield 'g1'
    if ask():
        yield 'g2'
"""
CONDITIONS = [
    "ask()", "not ask()", "ask() or flag", "flag and ask()", "x > 1", "len(acts) > 1", "flag", "names",
    "'a' in names", "d.get('k')", "n == 'a'",
]  # fmt: skip
COLLECTIONS = [
    "list(names)", "['a', 'b']", "rows()", "[m for m in names if ask()]", "sorted(names)", "names[:1]", "list(d)",
    "range(2)", "(names if ask() else ['z'])", "[*names, 'y']", "rows() + ['c']", "filter(keep, names)", "some()",
    "map(str, [1, 2])", "[a['path'] for a in acts]",
]  # fmt: skip
TITLES = [
    "'{}'", "f'{}_{{n}}'", "'{}' + str(x)", "f'{}_{{len(names)}}'", "('{0}' if ask() else '{0}_z')", "f'{}_{{v}}'",
    "'{}_' + '_'.join(names)", "f'{}_{{d.get(\"k\")}}'", "f'{}_{{flag}}'",
]  # fmt: skip
CALLS = [
    "run({})", "run({}, 60, {{'p': x}})", "v = run({})", "run({}) if ask() else None", "ask() and run({})",
    "[run(str(m) + {}) for m in LIST]", "print(run({}))", "run(*[{}])", "run(**{{'path': {}}})",
    "go = lambda: run({}); go()", "(lambda m: run(m))({})",
]  # fmt: skip
CHANGES = [
    "x = 1", "x += 1", "flag = ask()", "flag = True", "names = ['a']", "names = names + ['b']", "n = 'k'", "v = None",
    "d = {'k': 1}", "d = {**d, 'z': x}", "names = rows()", "names += ['pl']", "y = names; y.append('al')",
    "acts = [dict(a) for a in acts]", "n = names[0] if names else 'e'", "names = [m.upper() for m in names]",
    "names.insert(0, 'i')", "names.clear()", "names.sort()", "names.reverse()", "names.extend(rows())",
    "del names[:1]", "names[0:1] = ['sl']", "d['k'] = x", "d.update(k=2)", "d.pop('k', None)",
    "d.setdefault('l', []).append(x)", "if acts: acts[0].update(path='Up')", "stranger(names)",
]  # fmt: skip


class Programs:
    """Makes programs.

    Args:
        seed: the same seed gives the same program.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def program(self) -> str:
        """The text of a notebook."""
        return HEAD + "\n".join(self._block(0, 3) + self._block(0, 3)) + "\n"

    def _new(self) -> str:
        self._count += 1
        return f"N{self._count}"

    def _one(self, texts: list[str]) -> str:
        return self._random.choice(texts)

    def _title(self) -> str:
        return self._one(TITLES).format(self._new())

    def _block(self, depth: int, left: int, ends: tuple[str, ...] = ()) -> list[str]:
        lines: list[str] = []
        for _ in range(self._random.randint(1, 3)):
            lines += self._statement("    " * depth, depth, left - 1, ends)
        return lines

    def _statement(self, indent: str, depth: int, left: int, ends: tuple[str, ...]) -> list[str]:
        kinds = ["call"] * 4 + ["change"] * 4 + ["append"] * 2 + ["dag"] + (["end"] if ends else [])
        if left > 0:
            kinds += ["if"] * 5 + ["for"] * 3 + ["while", "try", "match", "function", "function", "class"]
        kind = self._one(kinds)
        inner = depth + 1
        if kind == "call":
            return [indent + self._one(CALLS).replace("LIST", self._one(COLLECTIONS)).format(self._title())]
        if kind == "change":
            return [indent + self._one(CHANGES)]
        if kind == "append":
            return [f"{indent}acts.append({{'name': '{self._new()}', 'path': {self._title()}}})"]
        if kind == "dag":
            return [f"{indent}runMultiple({{'activities': list(acts)}})"]
        if kind == "end":
            return [indent + self._one(list(ends))]
        if kind == "if":
            lines = [f"{indent}if {self._one(CONDITIONS)}:", *self._block(inner, left, ends)]
            if self._random.random() < 0.4:
                lines += [f"{indent}else:", *self._block(inner, left, ends)]
            return lines
        loop = ("break", "continue", *(end for end in ends if end.startswith("return")))
        if kind == "for":
            return [f"{indent}for n in {self._one(COLLECTIONS)}:", *self._block(inner, left, loop)]
        if kind == "while":
            name = self._new().lower()
            test = f"{indent}while {name} < 2{self._one(['', ' and ask()', ' and flag'])}:"
            return [f"{indent}{name} = 0", test, f"{indent}    {name} += 1", *self._block(inner, left, loop)]
        if kind == "try":
            body = self._block(inner, left, ends)
            return [f"{indent}try:", *body, f"{indent}except KeyError:", *self._block(inner, left, ends)]
        if kind == "match":
            cases = [f"{indent}    case {case}:" for case in ("'a'", "_")]
            bodies = [self._block(depth + 2, left, ends) for _ in cases]
            return [
                f"{indent}match {self._one(['n', 'x', 'ask()'])}:",
                cases[0],
                *bodies[0],
                cases[1],
                *bodies[1],
            ]
        name = self._new().lower()
        given = "n='f', x=1, names=names, acts=acts, d=d, flag=flag, v=v"
        body = self._block(depth + (2 if kind == "class" else 1), left, ("return", "return n"))
        if kind == "class":
            head = [f"{indent}class {name}:", f"{indent}    def go(self, {given}):"]
            return [*head, *body, f"{indent}{name}().go({self._title()})"]
        uses = [
            f"{name}()", f"n = {name}('arg')", f"names = [str({name}(m)) for m in ['g']]", f"stranger({name})",
            f"list(map({name}, ['m1', 'm2']))", f"{name}() if ask() else None",
        ]  # fmt: skip
        return [f"{indent}def {name}({given}):", *body, f"{indent}    return n", indent + self._one(uses)]


class TooLongError(Exception):
    """The program does not come to an end."""


def made_calls(program: str, seed: int) -> Counter[str] | None:
    """The notebooks that a run of the program starts; ``None`` if it fails.

    Args:
        program: the text of the notebook.
        seed: decides about what the source does not tell.
    """
    chance = random.Random(seed)
    made: list[str] = []

    def run(path: str, timeout: float = 0, arguments: object = None) -> str:
        made.append(path)
        return f"exit value {len(made)}"

    def run_multiple(dag: dict[str, Any]) -> dict[str, Any]:
        names = [activity["name"] for activity in dag["activities"]]
        if not names or len(set(names)) < len(names):
            raise ValueError("no valid DAG")
        made.extend(activity["path"] for activity in dag["activities"])
        return {name: {"exitVal": ""} for name in names}

    def stranger(thing: Any) -> None:
        if isinstance(thing, list):
            thing += ["st"] * chance.randint(0, 1)
        else:
            for _ in range(chance.randint(0, 2)):
                thing()

    lines = 0

    def trace(frame: object, event: str, arg: object) -> Callable[..., Any]:
        nonlocal lines
        lines += 1
        if lines > 5_000:
            raise TooLongError
        return trace

    module = types.ModuleType("notebookutils")
    module.notebook = types.SimpleNamespace(run=run, runMultiple=run_multiple)  # type: ignore[attr-defined]
    names: dict[str, Any] = {
        "ask": lambda: chance.random() < 0.5,
        "keep": lambda _: chance.random() < 0.5,
        "rows": lambda: [f"u{number}" for number in range(chance.randint(0, 2))],
        "stranger": stranger,
    }
    before = sys.modules.get("notebookutils")
    tracing = sys.gettrace()
    sys.modules["notebookutils"] = module
    sys.settrace(trace)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(program, "notebook", "exec"), names)
    except Exception:  # noqa: BLE001 -- a program that fails says nothing
        return None
    finally:
        sys.settrace(tracing)
        sys.modules.pop("notebookutils")
        if before is not None:
            sys.modules["notebookutils"] = before
    return Counter(made)
