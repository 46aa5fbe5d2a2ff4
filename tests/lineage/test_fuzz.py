from fabric_assets.lineage import WorkspaceSource, analyze
from tests.lineage.generated import mutations


def test_mutated_notebooks_give_a_result_and_no_exception() -> None:
    """A sample; ``python -m benchmarks.fuzz_lineage`` runs 10,000."""
    for number, data in enumerate(mutations(seed=7, count=300)):
        source = WorkspaceSource.from_definitions({"N": {"notebook-content.py": data}})
        lineage = analyze(source)
        lineage.to_json()
        broken = [gap.reason for gap in lineage.notebooks[0].unresolved if "please report" in gap.reason]
        assert not broken, (number, broken)
