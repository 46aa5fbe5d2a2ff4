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
