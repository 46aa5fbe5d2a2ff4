"""Which functions are worked out as Python does them; all others give what is known only when the notebook runs."""

import ast
from collections.abc import Collection

from fabric_assets.lineage.magics import RUN_CALL, SQL_CALL, UNKNOWN_CALL
from fabric_assets.lineage.values import Bound, ClassValue, Const, Instance, Items, Mapping, Template
from fabric_assets.lineage.words import words

_BUILTINS = words("""
    abs all any bool chr dict divmod enumerate filter float frozenset getattr int isinstance len list map max min
    object ord property range repr reversed round set setattr sorted str sum super tuple zip
""")
# What only shows something, or asks for something: it changes nothing that it is given.
_HARMLESS = words("""
    print display displayHTML pprint type hasattr id help iter next hash input issubclass vars globals locals
""")
_MODULES = words("""
    ast.literal_eval collections.OrderedDict collections.defaultdict collections.namedtuple copy.copy copy.deepcopy
    dataclasses.asdict dataclasses.field dataclasses.replace enum.auto functools.partial functools.reduce
    itertools.chain itertools.chain.from_iterable itertools.product json.dumps json.loads operator.attrgetter
    operator.itemgetter operator.the_getter re.escape re.findall re.split re.sub string.Template typing.cast
    yaml.safe_load types.SimpleNamespace
""")
# These are worked out only without keyword arguments.
_PLAIN = words("""
    ast.literal_eval itertools.chain itertools.product json.loads re.escape re.findall re.split re.sub yaml.safe_load
""")
_DECORATORS = words(
    "staticmethod classmethod property cached_property wraps dataclass abstractmethod override"
)
_POOLS = words("ThreadPoolExecutor ThreadPool Pool ProcessPoolExecutor")
COUNTING = words("builtins.len builtins.enumerate builtins.zip")
"""Their results change with the number of the elements that they are given."""


def is_worked_out(name: str, keywords: Collection[str] = ()) -> bool:
    """Whether a function of Python, by its dotted name, is worked out."""
    if name.startswith(("builtins.str.", "builtins.dict.fromkeys")) or name == f"builtins.{RUN_CALL}":
        return True
    if name.startswith("builtins."):
        return name.removeprefix("builtins.") in _BUILTINS
    return name in _MODULES and (not keywords or name not in _PLAIN)


def is_harmless(name: str) -> bool:
    """Whether a function only shows what it is given."""
    top, _, last = name.partition(".")
    return last in _HARMLESS and top in ("builtins", "pprint")


def is_unknown_name(name: str) -> bool:
    """Whether a name that the notebook does not set is none of Python's either."""
    known = is_worked_out(name) or is_harmless(name) or is_magic(name)
    return name.startswith("builtins.") and not known


def is_magic(name: str) -> bool:
    """Whether this stands for a magic whose result is not known."""
    return name in (f"builtins.{SQL_CALL}", f"builtins.{UNKNOWN_CALL}")


def is_harmless_decorator(decorator: ast.expr) -> bool:
    """Whether a decorator leaves what its function does as it is."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in _DECORATORS


def is_pool(name: str) -> bool:
    """Whether this is a class of thread pools."""
    return name.rpartition(".")[2] in _POOLS


def method_is_worked_out(method: Bound) -> bool:
    """Whether a method of a value is worked out."""
    owner = method.owner
    if isinstance(owner, Const):
        return isinstance(owner.value, str)
    if isinstance(owner, Instance) and owner.cls is not None:
        return owner.cls.is_enumeration
    return isinstance(owner, Items | Mapping | Template | ClassValue)
