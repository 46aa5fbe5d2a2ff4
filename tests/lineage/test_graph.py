from fabric_assets.lineage import AllowRule, IgnoreRule, Lineage, build_graph
from tests.lineage.case_files import analyzed


def _write(table: str, *sources: str) -> list[str]:
    return [f"spark.table({source!r})" for source in sources] + [
        f"spark.range(1).write.saveAsTable({table!r})"
    ]


def _edges(lineage: Lineage) -> list[tuple[str, str]]:
    return [(edge.upstream, edge.downstream) for edge in lineage.graph.edges]


def test_edges_external_tables_and_orchestrators() -> None:
    lineage = analyzed(
        {
            "Bronze": _write("b", "raw"),
            "Silver": _write("s", "b", "b"),
            "Gold": _write("g", "s"),
            "Main": ["notebookutils.notebook.runMultiple(['Bronze', 'Silver', 'Gold'])"],
        }
    )
    assert _edges(lineage) == [("Bronze", "Silver"), ("Silver", "Gold")]
    assert [str(table) for table in lineage.graph.external] == ["lake.raw"]
    assert lineage.graph.orchestrators == ("Main",)
    assert lineage.graph.races == ()
    assert set(lineage.to_json()) == {"notebooks", "edges", "races"}
    assert lineage.to_json()["edges"][0] == {"upstream": "Bronze", "downstream": "Silver", "table": "lake.b"}
    assert '-->|"lake.s"|' in lineage.mermaid()


def test_a_cycle_is_printed_as_a_path_and_can_be_broken() -> None:
    cells = {"A": _write("a", "c"), "B": _write("b", "a"), "C": _write("c", "b"), "D": _write("d", "a")}
    (cycle,) = analyzed(cells).graph.cycles
    assert cycle.notebooks == ("A", "B", "C")
    assert "A -> (lake.a) -> B -> (lake.b) -> C -> (lake.c) -> A" in str(cycle)
    assert "ignore: [{upstream: C, downstream: A, table: lake.c}]" in str(cycle)
    config = {"ignore": [{"upstream": "C", "downstream": "A", "table": "lake.c"}]}
    assert analyzed(cells, config).graph.cycles == ()


def test_two_writers_without_order_race_and_with_order_do_not() -> None:
    cells = {"A": _write("t"), "B": _write("t"), "R": ["spark.table('t')"]}
    lineage = analyzed(cells)
    assert _edges(lineage) == [("A", "R"), ("B", "R")]
    assert lineage.to_json()["races"] == [{"kind": "write-write", "table": "lake.t", "notebooks": ["A", "B"]}]
    ordered = build_graph(lineage.notebooks, order=[("A", "B"), ("B", "R")])
    assert ordered.races == ()


def test_an_own_order_is_checked_against_what_is_read_and_written() -> None:
    graph = analyzed({"A": _write("t"), "R": _write("x", "t"), "S": ["spark.table('t')"]}).graph
    assert graph.races == ()
    races = graph.races_in([("A", "R")])
    assert [(race.kind, race.notebooks) for race in races] == [("read-write", ("S", "A"))]
    assert graph.races_in([("A", "R")], notebooks=["A", "R"]) == ()
    assert graph.races_in([("A", "R"), ("R", "S")]) == ()


def test_allowed_races_have_a_reason() -> None:
    notebooks = analyzed(
        {"A": _write("log"), "B": _write("log"), "C": _write("t"), "D": _write("t")}
    ).notebooks
    graph = build_graph(notebooks, allow=[AllowRule("append only", table="lake.log")])
    assert [str(race.table) for race in graph.races] == ["lake.t"]
    assert [race.allowed for race in graph.allowed_races] == ["append only"]
    graph = build_graph(notebooks, allow=[AllowRule("known", notebooks=("C", "D"))])
    assert [str(race.table) for race in graph.races] == ["lake.log"]


def test_notebooks_that_keep_one_table_up_to_date_race_but_do_not_wait_for_each_other() -> None:
    upkeep = ["old = spark.table('t')", "old.write.mode('append').saveAsTable('t')"]
    graph = analyzed({"A": upkeep, "B": upkeep}).graph
    assert graph.edges == ()
    assert graph.cycles == ()
    assert [race.kind for race in graph.races] == ["write-write"]


def test_what_a_notebook_replaced_itself_makes_no_dependency() -> None:
    own = ["spark.range(1).write.mode('overwrite').saveAsTable('tmp')", "spark.table('tmp')"]
    graph = analyzed({"A": own, "B": _write("tmp")}).graph
    assert graph.edges == ()


def test_a_helper_does_not_race_with_the_notebook_that_runs_it() -> None:
    graph = analyzed({"Helper": _write("t"), "Caller": ["%run Helper"]}).graph
    assert graph.races == ()
    assert graph.edges == ()


def test_ignore_rules_match_any_part() -> None:
    notebooks = analyzed({"A": _write("a"), "B": _write("b", "a"), "C": _write("c", "a")}).notebooks
    assert [e.downstream for e in build_graph(notebooks, ignore=[IgnoreRule(downstream="C")]).edges] == ["B"]
    assert build_graph(notebooks, ignore=[IgnoreRule(table="lake.a")]).edges == ()


def test_a_drop_races_but_nobody_waits_for_it() -> None:
    drop = ["spark.sql('DROP TABLE IF EXISTS t')"]
    lineage = analyzed({"Drop": drop, "Load": _write("t"), "Report": _write("r", "t")})
    assert _edges(lineage) == [("Load", "Report")]
    assert [(race.kind, race.notebooks) for race in lineage.graph.races] == [
        ("write-write", ("Drop", "Load")),
        ("read-write", ("Report", "Drop")),
    ]
    entry = lineage.to_json()["notebooks"][0]
    assert (entry["name"], entry["writes"]) == ("Drop", ["lake.t"])
    assert not lineage.notebooks[0].writes


def test_what_is_dropped_and_made_again_is_written() -> None:
    lineage = analyzed(
        {"Load": ["spark.sql('DROP TABLE IF EXISTS t')", *_write("t")], "Report": _write("r", "t")}
    )
    assert _edges(lineage) == [("Load", "Report")]
    assert lineage.graph.races == ()
