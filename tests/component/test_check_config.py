"""``fabric-assets check --config``: the component's YAML is checked before it is used."""

from pathlib import Path

import pytest

from fabric_assets import cli
from tests.component.places import shop

HEAD = "type: fabric_assets.FabricWorkspaceComponent\nattributes:\n  source: ./workspace\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(HEAD + "  inclde: [x]\n", ":4, attributes.inclde: Extra inputs", id="unknown-key"),
        pytest.param(
            HEAD + "  defaults: {retry: often}\n", ":4, attributes.defaults.retry: Input should be", id="type"
        ),
        pytest.param(
            HEAD + "  lineage:\n    allow:\n    - table: x\n",
            ":6, attributes.lineage.allow.0.reason: Field required",
            id="missing",
        ),
        pytest.param(
            HEAD + "  notebooks: [Load_DimStore]\n", ":4, attributes.notebooks: Input should be", id="list"
        ),
        pytest.param(
            "attributes: {notebooks: [a]}\n", ":1, attributes.notebooks: Input should", id="no-type"
        ),
        pytest.param(
            HEAD.replace("./workspace", "'{{ env.NOT_SET }}'"), "has no value here; give PATH", id="template"
        ),
        pytest.param(HEAD.replace("./workspace", "./empty"), "there is no notebook in", id="empty-folder"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    shop(tmp_path / "workspace")
    (tmp_path / "empty").mkdir()
    file = tmp_path / "defs.yaml"
    file.write_text(text)

    assert cli.main(["check", "--config", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_the_source_may_be_a_variable_and_rules_that_fit_nothing_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(tmp_path / "workspace")
    monkeypatch.setenv("NOTEBOOKS", str(tmp_path / "workspace"))
    file = tmp_path / "defs.yaml"
    rules = "  lineage: {ignore: [{upstream: Nobody}]}\n"
    file.write_text(HEAD.replace("./workspace", "'{{ env.NOTEBOOKS }}'") + rules)

    assert cli.main(["check", "--config", str(file)]) == 0
    assert "lineage.ignore.0: no dependency is as this rule says" in capsys.readouterr().err


def test_assets_of_elsewhere_are_no_notebooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop(tmp_path / "workspace")
    file = tmp_path / "defs.yaml"
    file.write_text(
        HEAD + "  notebooks:\n    Load_DimStore: {deps: [Load_DimDate, {asset: bronze/stores}]}\n"
    )

    assert cli.main(["check", "--config", str(file)]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "  notebooks:\n    Load_DimStor: {retry: 2}\n",
            ":5, attributes.notebooks.Load_DimStor: there is no notebook 'Load_DimStor'; did you mean",
            id="entry",
        ),
        pytest.param(
            "  notebooks:\n    Load_FactSales:\n      deps: [Load_Stores]\n",
            ":6, attributes.notebooks.Load_FactSales.deps.0: there is no notebook, asset or table 'Load_Stores'",
            id="dependency",
        ),
        pytest.param(
            "  notebooks:\n    Load_FactSales:\n      arguments: {store: {exit_value_of: Nobody}}\n",
            ":6, attributes.notebooks.Load_FactSales.arguments.store: there is no notebook or asset 'Nobody'",
            id="argument",
        ),
        pytest.param(
            "  jobs:\n    nightly:\n      notebooks: [Load_*, Load_Stores]\n",
            ":6, attributes.jobs.nightly.notebooks.1: there is no asset for 'Load_Stores'; did you mean",
            id="job",
        ),
        pytest.param(
            "  notebooks:\n    Load_DimStore: {deps: [DimDate]}\n    Load_DimDate: {deps: [DimStore]}\n",
            "notebooks wait for each other",
            id="cycle",
        ),
        pytest.param(
            "  notebooks:\n    Load_DimStore: {name: a b}\n",
            "attributes.notebooks.Load_DimStore.name",
            id="key",
        ),
    ],
)
def test_a_name_that_loading_refuses_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    shop(tmp_path / "workspace")
    file = tmp_path / "defs.yaml"
    file.write_text(HEAD + text)

    assert cli.main(["check", "--config", str(file)]) == 1
    printed = capsys.readouterr()
    assert [line.startswith(f"{file}:") and said in line for line in printed.out.splitlines()] == [True]
    assert printed.err.startswith("1 problem in 4 notebooks")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("  jobs: {nightly: {notebooks: ['Load_*', DimStore]}}\n", "", id="right"),
        pytest.param(
            "  workspace: '{{ env.NOT_SET }}'\n  connection: {capacity: '{{ nothing.here }}'}\n",
            "",
            id="of-where-it-runs",
        ),
        pytest.param(
            "  notebooks: {Load_DimStore: {deps: ['{{ mine }}']}}\n",
            "its names are not looked at: UndefinedError: 'mine' not found",
            id="unknown-template",
        ),
        pytest.param("  races: order\n  exclude: [Nobody]\n", "", id="told-when-it-is-loaded"),
    ],
)
def test_what_loading_takes_is_no_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    shop(tmp_path / "workspace")
    file = tmp_path / "defs.yaml"
    file.write_text(HEAD + text)

    assert cli.main(["check", "--config", str(file)]) == 0
    err = capsys.readouterr().err
    assert said in err
    assert bool(err) is bool(said)


def test_names_are_not_looked_at_where_the_source_or_the_class_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop(tmp_path / "workspace")
    file = tmp_path / "defs.yaml"
    names = "  notebooks: {Load_Elsewhere: {}}\n"
    file.write_text(HEAD.replace("  source: ./workspace\n", "") + names)
    assert cli.main(["check", str(tmp_path / "workspace"), "--config", str(file)]) == 0

    file.write_text(HEAD.replace("fabric_assets.Fabric", "mine.Fabric") + names)
    assert cli.main(["check", "--config", str(file)]) == 0
