"""Keys of assets from the names of notebooks."""

import pytest

from fabric_assets.asset_names import NameRules


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Load_DimCalendar", "DimCalendar"),
        ("AquaVilla_LoadDimCalendar", "DimCalendar"),
        ("load_dim_calendar", "DimCalendar"),
        ("Load policies", "Policies"),
        ("Load", "Load"),
        ("Data_Load", "DataLoad"),
        ("Download_Prices", "DownloadPrices"),
        ("bronze_customers", "BronzeCustomers"),
        ("Load_XMLHttpLog2024", "XMLHttpLog2024"),
        ("Load_Größe", "Gr_e"),
        ("日本", "notebook"),
    ],
)
def test_default_keys(name: str, key: str) -> None:
    assert NameRules().key(name) == (key,)


def test_prefixes_verbs_and_patterns() -> None:
    rules = NameRules(
        prefixes=["nb_", "nb_sales_"],
        verbs=["refresh"],
        patterns=[("(?P<layer>bronze|gold)_(?P<table>.*)", "{layer}/{table}")],
        key_prefix=["fabric"],
    )

    assert rules.key("nb_sales_dim_store") == ("fabric", "DimStore")
    assert rules.key("NB_load_x") == ("fabric", "LoadX")
    assert rules.key("x_refresh_y") == ("fabric", "Y")
    assert rules.key("gold_dim_store") == ("fabric", "gold", "dim_store")
