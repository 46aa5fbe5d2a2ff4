"""Puts table names and paths in SQL right for the embedded Spark, and leaves everything else as it is."""

from collections.abc import Callable
from dataclasses import dataclass

from fabric_assets.local.engine.kernel.spark_names import TableName, TableNames
from fabric_assets.local.engine.kernel.sql_text import (
    RESERVED,
    Token,
    quoted,
    string_literal,
    string_value,
    tokens_of,
    word_set,
)

_BEFORE_A_TABLE = word_set(
    "FROM JOIN INTO UPDATE TABLE EXISTS OVERWRITE USING EXTENDED FORMATTED LIKE VIEW TO"
)
_STARTS_BEFORE_A_TABLE = word_set("DESCRIBE DESC")
_CLAUSES = word_set(
    "SELECT FROM WHERE GROUP ORDER HAVING ON SET VALUES LIMIT WINDOW UNION EXCEPT INTERSECT USING WHEN LATERAL "
    "SORT CLUSTER DISTRIBUTE QUALIFY"
)
_FILE_FORMATS = word_set("delta parquet csv json text orc avro binaryfile")


@dataclass
class SqlStatement:
    """One statement as tokens: the significant ones (no space, no comment), each with its place among all."""

    tokens: list[Token]
    significant: list[int]

    @classmethod
    def parse(cls, sql: str) -> "SqlStatement":
        """Read a statement."""
        tokens = list(tokens_of(sql))
        return cls(tokens, [i for i, token in enumerate(tokens) if token.kind not in ("space", "comment")])

    def __len__(self) -> int:
        return len(self.significant)

    def token(self, place: int) -> Token:
        """The significant token of this place; an empty one beyond the ends."""
        if 0 <= place < len(self.significant):
            return self.tokens[self.significant[place]]
        return Token("none", "")

    def word(self, place: int) -> str:
        """The keyword of this place in upper case, empty if there is none."""
        token = self.token(place)
        return token.text.upper() if token.kind == "word" else ""

    def words(self, count: int) -> list[str]:
        """The first words in upper case."""
        return [self.word(place) for place in range(count)]

    def chain(self, place: int) -> tuple[str, ...]:
        """The parts of the name that begins at this place (``a.b.c``), empty if there is none."""
        if not self.token(place).is_name:
            return ()
        parts = [self.token(place).name]
        while self.token(place + 1).text == "." and self.token(place + 2).is_name:
            place += 2
            parts.append(self.token(place).name)
        return tuple(parts)

    def replace(self, place: int, parts: int, text: str) -> None:
        """Put ``text`` where a name of so many parts begins at this place."""
        first, last = self.significant[place], self.significant[place + 2 * (parts - 1)]
        self.tokens[first] = Token("replaced", text)
        for index in range(first + 1, last + 1):
            self.tokens[index] = Token("space", "")

    def text(self) -> str:
        """The statement as SQL."""
        return "".join(token.text for token in self.tokens)


class SqlLocalizer:
    """Rewrites names and paths in SQL statements.

    Only names in places where a table stands are looked at, and only those that mean a table, view or lakehouse
    known here are changed: to their one spelling.
    """

    def __init__(
        self, names: TableNames, local_path: Callable[[str, bool], str], on_table: Callable[[TableName], None]
    ) -> None:
        """Ask ``local_path`` for a path (and whether it is created), call ``on_table`` for every table named."""
        self._names = names
        self._local_path = local_path
        self._on_table = on_table

    def localize(self, sql: str) -> str:
        """The statement for the embedded Spark."""
        statement = SqlStatement.parse(sql)
        ctes = _ctes(statement)
        is_create = statement.word(0) in ("CREATE", "REPLACE")
        clauses = [""]
        place = 0
        while place < len(statement):
            token, before = statement.token(place), statement.word(place - 1)
            if token.text == "(":
                clauses.append("")
            elif token.text == ")" and len(clauses) > 1:
                clauses.pop()
            chain = statement.chain(place) if statement.token(place - 1).text != "." else ()
            if token.kind == "word" and len(chain) == 1 and token.text.upper() in _CLAUSES:
                clauses[-1] = token.text.upper()
            elif token.kind == "string" and before in ("LOCATION", "PATH"):
                path = self._local_path(string_value(token.text), is_create)
                statement.replace(place, 1, string_literal(path))
            elif chain and self._is_table_place(statement, place, chain, clauses[-1], is_create):
                self._replace_name(statement, place, chain, ctes, creates=is_create and place < 8)
            place += max(1, 2 * len(chain) - 1)
        return statement.text()

    def localize_name(self, name: str, *, creates: bool = False) -> str:
        """A table's name that stands alone, as the DataFrame API takes it."""
        statement = SqlStatement.parse(name)
        chain = statement.chain(0)
        if not chain or 2 * len(chain) - 1 != len(statement):
            return name
        self._replace_name(statement, 0, chain, {}, creates=creates)
        return statement.text()

    def _is_table_place(
        self, statement: SqlStatement, place: int, chain: tuple[str, ...], clause: str, is_create: bool
    ) -> bool:
        token, before = statement.token(place), statement.word(place - 1)
        if token.kind == "word" and len(chain) == 1 and token.text.upper() in RESERVED:
            return False
        follows = statement.token(place + 2 * len(chain) - 1).text
        if statement.token(place - 1).text == ",":
            return clause == "FROM" and follows != "("
        if before == "USING":
            return not is_create
        if before in ("FROM", "JOIN"):
            return follows != "("
        return before in _BEFORE_A_TABLE or (place == 1 and before in _STARTS_BEFORE_A_TABLE)

    def _replace_name(
        self,
        statement: SqlStatement,
        place: int,
        chain: tuple[str, ...],
        ctes: dict[str, str],
        *,
        creates: bool,
    ) -> None:
        if (
            len(chain) == 2
            and chain[0].lower() in _FILE_FORMATS
            and statement.token(place + 2).kind == "quoted"
        ):
            path = self._local_path(chain[1], creates)
            statement.replace(place, 2, f"{chain[0]}.`{path}`")
            return
        lower = chain[-1].lower()
        if len(chain) == 1 and lower in ctes:
            statement.replace(place, 1, quoted(ctes[lower]))
            return
        if len(chain) == 1 and lower in self._names.views:
            statement.replace(place, 1, quoted(lower))
            return
        if creates and "VIEW" in statement.words(place):
            self._create_view(statement, place, chain)
            return
        table = self._names.table(chain)
        if table is None:
            return
        self._on_table(table)
        if creates:
            self._names.created.add(table.sql)
        if table.exists or len(chain) > 1 or table.sql in self._names.created | self._names.views:
            name = table.sql if len(chain) > 1 else quoted(table.name)
            statement.replace(place, len(chain), name)

    def _create_view(self, statement: SqlStatement, place: int, chain: tuple[str, ...]) -> None:
        is_temporary = not {"TEMP", "TEMPORARY"}.isdisjoint(statement.words(place))
        table = None if is_temporary else self._names.table(chain)
        name = table.sql if table else ".".join(quoted(part.lower()) for part in chain)
        self._names.views.add(name.replace("`", "") if is_temporary else name)
        statement.replace(place, len(chain), name)


def _ctes(statement: SqlStatement) -> dict[str, str]:
    """Names that the statement defines with ``WITH name [(columns)] AS (``, by their lower case."""
    found: dict[str, str] = {}
    for place in range(len(statement)):
        token = statement.token(place)
        if not token.is_name or (
            statement.token(place - 1).text not in (",",)
            and statement.word(place - 1)
            not in (
                "WITH",
                "RECURSIVE",
            )
        ):
            continue
        after = place + 1
        if statement.token(after).text == "(":
            while after < len(statement) and statement.token(after).text != ")":
                after += 1
            after += 1
        if statement.word(after) == "AS" and statement.token(after + 1).text == "(":
            found[token.name.lower()] = token.name
    return found
