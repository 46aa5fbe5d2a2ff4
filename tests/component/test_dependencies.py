"""What entries wait for beyond the lineage: names that the configuration uses, and exit values."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from fabric_assets import FabricWorkspaceComponent, NotebookData, NotebookTranslator
from fabric_assets.lineage import Table
from tests.component.places import copy_table, definitions, order, shop, specs, write_notebook

FRESH = dg.FreshnessPolicy.cron(deadline_cron="0 6 * * *", lower_bound_delta=timedelta(days=1))
DAILY = dg.DailyPartitionsDefinition("2026-01-01")


def test_an_asset_of_elsewhere_is_named_as_such(caplog: pytest.LogCaptureFixture) -> None:
    made = definitions(notebooks={"Load_A": {}, "Load_B": {"deps": [{"asset": "raw/A"}, {"asset": "A"}]}})

    assert order(made)["B"] == {"A", "raw/A"}
    assert not caplog.records


@pytest.mark.parametrize("name", ["landing/dates", "landing.dates"])
def test_a_table_that_nobody_here_writes_can_be_waited_for(tmp_path: Path, name: str) -> None:
    made = definitions(source=shop(tmp_path / "w"), notebooks={"Load_DimStore": {"deps": [name]}})

    assert order(made)["DimStore"] == {"landing/stores", "landing/dates"}


@pytest.mark.parametrize("name", ["curated/dim_date", "curated.dim_date"])
def test_a_table_stands_for_the_notebook_that_writes_it(tmp_path: Path, name: str) -> None:
    made = definitions(source=shop(tmp_path / "w"), notebooks={"Load_DimStore": {"deps": [name]}})

    assert order(made)["DimStore"] == {"landing/stores", "DimDate"}


def test_a_default_exit_value_is_for_all_but_the_notebook_that_gives_it() -> None:
    made = definitions(
        defaults={"arguments": {"batch": {"exit_value_of": "Start"}}},
        notebooks={"Start": {}, "Load_A": {}, "Load_B": {"deps": ["Load_A"]}},
    )

    assert order(made) == {"Start": set(), "A": {"Start"}, "B": {"A", "Start"}}
    told = {key: spec.metadata.get("fabric/arguments") for key, spec in specs(made).items()}
    assert told["Start"] is None
    assert told["B"].value == {"batch": "exit value of Start"}


def test_a_default_exit_value_that_makes_a_cycle_is_refused_with_its_place() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        definitions(
            defaults={"arguments": {"batch": {"exit_value_of": "Start"}}},
            notebooks={"First": {}, "Start": {"deps": ["First"]}},
        )

    assert "wait for each other" in str(refused.value)
    assert str(refused.value).startswith(
        ("attributes.defaults.arguments.batch: ", "attributes.notebooks.Start.deps.0: ")
    )


def test_an_exit_value_of_several_entries_is_refused() -> None:
    notebooks = {
        "north": {"notebook": "Extract"},
        "south": {"notebook": "Extract"},
        "Load": {"arguments": {"file": {"exit_value_of": "Extract"}}},
    }
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match="several entries: north, south; name one of them"
    ):
        definitions(notebooks=notebooks)


class Translator(NotebookTranslator):
    """Gives assets and tables all that Dagster has for them."""

    def get_asset_spec(self, notebook: NotebookData) -> dg.AssetSpec:
        return (
            super()
            .get_asset_spec(notebook)
            .replace_attributes(
                automation_condition=dg.AutomationCondition.eager(),
                freshness_policy=FRESH,
                code_version="7",
                partitions_def=DAILY,
                deps=[dg.AssetDep("calendar", partition_mapping=dg.AllPartitionMapping())],
            )
        )

    def get_table_spec(self, table: Table) -> dg.AssetSpec:
        spec = super().get_table_spec(table)
        return spec.replace_attributes(code_version="8") if table.name == "dim_store" else spec


class Workspace(FabricWorkspaceComponent):
    """The component with that translator."""

    def get_translator(self) -> NotebookTranslator:
        return Translator(self.keys.rules())


@pytest.mark.parametrize(("assets", "key"), [("notebooks", "DimDate"), ("tables", "curated/dim_date")])
def test_all_that_a_translator_says_counts(tmp_path: Path, assets: str, key: str) -> None:
    attributes = {
        "source": str(shop(tmp_path / "w")),
        "assets": assets,
        "defaults": {"arguments": {"day": {"partition_key": True}}},
    }
    made = dg.build_defs_for_component(Workspace.from_attributes_dict(attributes=attributes))
    dg.Definitions.validate_loadable(made)
    found = specs(made)

    spec = found[key]
    assert spec.automation_condition == dg.AutomationCondition.eager()
    assert (spec.freshness_policy, spec.code_version, spec.partitions_def) == (FRESH, "7", DAILY)
    deps = {dep.asset_key.to_user_string(): dep.partition_mapping for dep in spec.deps}
    assert deps == {"calendar": dg.AllPartitionMapping(), "landing/dates": None}
    assert spec.metadata["fabric/arguments"].value == {"day": "partition key"}
    if assets == "tables":
        assert found["curated/dim_store"].code_version == "8"


def test_the_configuration_says_kinds_and_group_of_each_table(tmp_path: Path) -> None:
    write_notebook(tmp_path / "w", "Load_Both", copy_table("landing.a", "a"), copy_table("landing.b", "b"))
    made = definitions(
        source=tmp_path / "w",
        assets="tables",
        defaults={"kinds": ["delta"]},
        notebooks={"Load_Both": {"group_name": "gold"}},
    )

    for key in ("curated/a", "curated/b"):
        assert (specs(made)[key].kinds, specs(made)[key].group_name) == ({"delta"}, "gold")
