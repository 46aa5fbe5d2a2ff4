"""The sample's notebooks on the real engine, their tables compared row by row with `sample_expected`."""

import asyncio
import csv
import dataclasses
import json
import shutil
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from sample_expected import expected_calendar, expected_customers, expected_employees

import fabric_assets.local
from fabric_assets.local.engine import KernelEngine
from fabric_assets.local.execution import ExecutionResult, LakehouseRef, NotebookExecution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.notebook_source import parse_notebook

SAMPLE = Path(fabric_assets.local.__file__).parent / "sample"
WORKSPACE = SAMPLE / "workspaces" / "Local"
LANDING = Path("onelake", "Local", "Base.Lakehouse", "Files", "landing")

CALENDAR = "AquaVilla_LoadDimCalendar"
CUSTOMER = "AquaVilla_LoadDimCustomer"
EMPLOYEE = "AquaVilla_LoadDimEmployee"
TABLES = {CALENDAR: "dim_calendar", CUSTOMER: "dim_customer", EMPLOYEE: "dim_employee"}
KEYS = {CALENDAR: "date_key", CUSTOMER: "customer_key", EMPLOYEE: "employee_key"}

Row = dict[str, Any]


@dataclass
class Load:
    """What one execution of a notebook left behind."""

    exit_value: Row
    rows: list[Row]
    version: int

    def count(self, name: str) -> int:
        return int(self.exit_value[f"rows_{name}"])

    @property
    def unknown(self) -> Row:
        return next(row for row in self.rows if -1 in row.values())

    @property
    def members(self) -> list[Row]:
        return [row for row in self.rows if -1 not in row.values()]


@dataclass
class Workspace:
    """A copy of the sample that a test may change."""

    root: Path
    loads: dict[str, dict[str, Load]] = field(default_factory=dict)

    @property
    def customers(self) -> Path:
        return self.root / LANDING / "customers"

    @property
    def employees(self) -> Path:
        return self.root / LANDING / "employees"

    def load(self, stage: str, *notebooks: str, **parameters: bool) -> None:
        """Execute notebooks side by side and keep what they did under the name of the stage."""
        results = asyncio.run(self._execute_all(notebooks, parameters))
        self.loads[stage] = {
            notebook: self._load(notebook, result)
            for notebook, result in zip(notebooks, results, strict=True)
        }

    def _load(self, notebook: str, result: ExecutionResult) -> Load:
        assert result.error is None, f"{notebook}: {result.error}"
        table = str(LocalHome(self.root).lakehouse("Local", "Curated") / "Tables" / TABLES[notebook])
        rows = sorted(pl.read_delta(table).to_dicts(), key=lambda row: row[KEYS[notebook]])
        return Load(json.loads(result.exit_value or ""), rows, DeltaTable(table).version())

    async def _execute_all(
        self, notebooks: tuple[str, ...], parameters: dict[str, bool]
    ) -> list[ExecutionResult]:
        engine = KernelEngine(LocalHome(self.root))
        try:
            executions = [self._execution(notebook, parameters) for notebook in notebooks]
            return await asyncio.gather(
                *(engine.execute(execution, lambda: None) for execution in executions)
            )
        finally:
            await engine.aclose()

    def _execution(self, notebook: str, parameters: dict[str, bool]) -> NotebookExecution:
        items = {folder.name: folder for folder in (self.root / "workspaces" / "Local").iterdir()}
        ids = {name: _platform(folder)["config"]["logicalId"] for name, folder in items.items()}
        notebooks = {name.removesuffix(".Notebook") for name in items if name.endswith(".Notebook")}
        return NotebookExecution(
            home=LocalHome(self.root),
            job_instance_id=str(uuid.uuid4()),
            workspace="Local",
            workspace_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, "local.example.com")),
            notebook=notebook,
            notebook_id=ids[f"{notebook}.Notebook"],
            source=items[f"{notebook}.Notebook"] / "notebook-content.py",
            parameters=parameters,
            lakehouses=tuple(
                LakehouseRef("Local", name, ids[f"{name}.Lakehouse"]) for name in ("Base", "Curated")
            ),
            notebooks={name: items[f"{name}.Notebook"] / "notebook-content.py" for name in notebooks},
            notebook_ids={name: ids[f"{name}.Notebook"] for name in notebooks},
        )


def _platform(item: Path) -> dict[str, Any]:
    platform: dict[str, Any] = json.loads((item / ".platform").read_text(encoding="utf-8"))
    return platform


def _newest_row(folder: Path, customer_id: str) -> dict[str, str]:
    """The newest landing row of a customer."""
    rows = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows += [
                row for row in csv.DictReader(lines) if row["customer_id"].strip().upper() == customer_id
            ]
    return max(rows, key=lambda row: row["changed_at"])


def _deliver_customers(folder: Path) -> None:
    """A new file with changes, also late ones."""
    extract = {"extract_date": "2026-06-30"}
    moved_away = {"street": "Möwenstieg 7", "postal_code": "20440", "city": "Ödenbrück"}

    def change(customer_id: str, changed_at: str, **values: str) -> dict[str, str]:
        return {**_newest_row(folder, customer_id), **extract, "changed_at": changed_at, **values}

    new = {
        **_newest_row(folder, "C00020"),
        "customer_id": "c00999 ",
        "customer_name": 'Öltroß "Nord", KG',
        "email": "",
    }
    rows = [
        change("C00010", "2026-02-03T10:00:00Z", **moved_away),
        change("C00010", "2026-02-03T10:00:00Z", **moved_away),
        change("C00011", "2026-02-04T10:00:00Z", email="c11@example.com", phone=""),
        {**new, **extract, "changed_at": "2026-02-05T10:00:00Z"},
        # Late: between two versions that are loaded.
        change("C00001", "2025-06-15T10:00:00Z", segment="Partner", **moved_away),
        # Late: what the current version says was so even earlier.
        change("C00003", "2025-03-20T10:00:00Z"),
        # A correction: at that time nothing had changed.
        {
            **change("C00005", "2025-05-05T05:05:05Z"),
            **_oldest_address(folder, "C00005"),
            "segment": "Business",
        },
        # Late, but nobody knew a time: left out.
        change("C00012", "", **moved_away),
    ]
    with (folder / "customers_2026-06-30.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _oldest_address(folder: Path, customer_id: str) -> dict[str, str]:
    with (folder / "customers_2025-01-31.csv").open(encoding="utf-8", newline="") as lines:
        row = next(row for row in csv.DictReader(lines) if row["customer_id"].strip().upper() == customer_id)
    return {name: row[name] for name in ("street", "postal_code", "city")}


def _deliver_employees(folder: Path) -> None:
    """A new extract of the whole staff, and an old one that comes late."""
    newest = json.loads((folder / "employees_2025-12-31.json").read_text(encoding="utf-8"))
    staff = {row["employee_id"].strip().upper(): row for row in newest}
    late = [
        dict(staff["E0010"], modified_at="2025-03-20T08:00:00Z", location="Talmünde"),
        dict(staff["E0020"]),
    ]

    changed = {"department": "IT", "position": "Data Engineer", "modified_at": "2026-02-01T08:00:00Z"}
    staff["E0021"] = {**staff["E0021"], **changed}
    staff["E0022"] = {**staff["E0022"], "leaving_date": "2026-03-31", "modified_at": "2026-02-01T09:00:00Z"}
    staff["E0023"] = {**staff["E0023"], "leaving_date": "2026-12-31", "modified_at": "2026-02-01T09:00:00Z"}
    del staff["E0024"]
    returns = {"hire_date": "2026-05-01", "leaving_date": None, "modified_at": "2026-04-15T08:00:00Z"}
    staff["E0006"] = {**staff["E0025"], **returns, "employee_id": "E0006", "first_name": "Jüla"}
    staff["E0025"] = {**staff["E0025"], "location": "Nowhere", "modified_at": "2001-01-01T00:00:00Z"}
    staff["E0099"] = {**staff["E0026"], **returns, "employee_id": "E0099", "last_name": "Größquist"}
    _write_json(folder / "employees_2026-06-30.json", [*staff.values(), staff["E0021"]])
    _write_json(folder / "employees_2025-03-31.json", late)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample after all its loads: first, again, with new files, without the old files, recreated."""
    root = tmp_path_factory.mktemp("sample") / "home"
    shutil.copytree(SAMPLE, root)
    workspace = Workspace(root)
    workspace.load("first", CALENDAR, CUSTOMER, EMPLOYEE)
    workspace.load("again", CALENDAR, CUSTOMER, EMPLOYEE)

    _deliver_customers(workspace.customers)
    _deliver_employees(workspace.employees)
    workspace.load("changed", CUSTOMER, EMPLOYEE)

    archive = root / "archive"
    shutil.copytree(root / LANDING, archive)
    for file in (*workspace.customers.iterdir(), *workspace.employees.iterdir()):
        if "2026-06-30" not in file.name:
            file.unlink()
    workspace.load("archived", CUSTOMER, EMPLOYEE)

    shutil.copytree(archive, root / LANDING, dirs_exist_ok=True)
    workspace.load("recreated", CALENDAR, CUSTOMER, EMPLOYEE, recreate=True)
    return workspace


@pytest.fixture(scope="module")
def first_customers() -> list[Row]:
    return [dataclasses.asdict(row) for row in expected_customers(SAMPLE / LANDING / "customers")]


@pytest.fixture(scope="module")
def first_employees() -> list[Row]:
    return [dataclasses.asdict(row) for row in expected_employees(SAMPLE / LANDING / "employees")]


def _numbered(key: str, rows: list[Row]) -> list[Row]:
    return [{key: number, **row} for number, row in enumerate(rows, start=1)]


def _without(key: str, rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != key} for row in rows]


def _keys(key: str, rows: list[Row], *business_key: str) -> dict[tuple[Any, ...], int]:
    return {tuple(row[name] for name in business_key): row[key] for row in rows}


def _versions(load: Load, customer_id: str) -> list[Row]:
    rows = [row for row in load.rows if row["customer_id"].strip().upper() == customer_id]
    return sorted(rows, key=lambda row: row["valid_from"])


def _employee(load: Load, employee_id: str) -> Row:
    return next(row for row in load.rows if row["employee_id"] == employee_id)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The items


@pytest.mark.parametrize("item", sorted(WORKSPACE.iterdir()), ids=lambda item: item.name)
def test_an_item_has_a_platform_file_that_matches_its_folder(item: Path) -> None:
    platform = _platform(item)
    name, _, kind = item.name.rpartition(".")
    assert platform["metadata"]["displayName"] == name
    assert platform["metadata"]["type"] == kind
    assert str(uuid.UUID(platform["config"]["logicalId"])) == platform["config"]["logicalId"]


def test_logical_ids_are_unique() -> None:
    ids = [_platform(item)["config"]["logicalId"] for item in WORKSPACE.iterdir()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("notebook", "lakehouse"), [(CALENDAR, "Base"), (CUSTOMER, "Base"), (EMPLOYEE, "Curated")]
)
def test_a_notebook_has_parameters_and_a_default_lakehouse(notebook: str, lakehouse: str) -> None:
    source = parse_notebook(WORKSPACE / f"{notebook}.Notebook" / "notebook-content.py")
    assert source.parameters_cell is not None
    assert "recreate = False" in source.parameters_cell.source
    assert source.default_lakehouse is not None
    assert source.default_lakehouse.name == lakehouse
    assert (
        source.default_lakehouse.id == _platform(WORKSPACE / f"{lakehouse}.Lakehouse")["config"]["logicalId"]
    )


def test_the_landing_files_are_small() -> None:
    files = [path for path in (SAMPLE / LANDING).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000


# Calendar


def test_the_calendar_runs_from_2010_to_ten_years_ahead(workspace: Workspace) -> None:
    load = workspace.loads["first"][CALENDAR]
    last = load.rows[-1]["date"]
    assert last in {date(datetime.now(UTC).year + years, 12, 31) for years in (9, 10)}
    assert load.rows == [dataclasses.asdict(day) for day in expected_calendar(date(2010, 1, 1), last)]


# Customers


def test_customers_are_loaded_with_their_history(workspace: Workspace, first_customers: list[Row]) -> None:
    assert workspace.loads["first"][CUSTOMER].members == _numbered("customer_key", first_customers)


def test_a_customer_who_moves_there_and_back_has_three_versions(workspace: Workspace) -> None:
    cities = [row["city"] for row in _versions(workspace.loads["first"][CUSTOMER], "C00001")]
    assert len(cities) == 3
    assert cities[0] == cities[2] != cities[1]


def test_facts_without_a_customer_have_an_unknown_member(workspace: Workspace) -> None:
    unknown = workspace.loads["first"][CUSTOMER].unknown
    assert unknown["customer_key"] == -1
    assert (unknown["customer_id"], unknown["customer_name"], unknown["segment"]) == (
        "UNKNOWN",
        "Unknown",
        "Unknown",
    )
    assert unknown["is_current"]


def test_unusable_customer_rows_are_counted(workspace: Workspace) -> None:
    assert workspace.loads["first"][CUSTOMER].count("rejected") == 4
    assert workspace.loads["changed"][CUSTOMER].count("rejected") == 5


def test_changed_customers_become_new_versions(workspace: Workspace) -> None:
    load = workspace.loads["changed"][CUSTOMER]
    rows = sorted(load.members, key=lambda row: (row["customer_id"], row["valid_from"]))
    expected = [dataclasses.asdict(row) for row in expected_customers(workspace.customers)]
    assert _without("customer_key", rows) == expected


def test_a_customer_load_counts_what_it_changed(workspace: Workspace, first_customers: list[Row]) -> None:
    load = workspace.loads["changed"][CUSTOMER]
    c11 = sum(row["customer_id"] == "C00011" for row in first_customers)
    # Inserted: C00010, C00999 and C00001 in between. Closed: C00010. Deleted: C00005's corrected version.
    # Updated: the version before each late change, C00003's that begins earlier, C00011's with the new e-mail address.
    assert (load.count("inserted"), load.count("closed"), load.count("deleted")) == (3, 1, 1)
    assert load.count("updated") == 1 + 2 + 1 + c11
    assert load.exit_value["row_count"] == len(load.rows)


def test_surrogate_keys_of_customers_are_stable(workspace: Workspace) -> None:
    before, after = (
        _keys("customer_key", workspace.loads[stage][CUSTOMER].rows, "customer_id", "valid_from")
        for stage in ("first", "changed")
    )
    moved, corrected = ("C00003", _at("2025-04-01T10:00:00")), ("C00005", _at("2025-05-05T05:05:05"))
    moved_to = ("C00003", _at("2025-03-20T10:00:00"))
    assert set(before) - set(after) == {moved, corrected}
    stay = set(before) & set(after)
    assert {version: after[version] for version in stay} == {version: before[version] for version in stay}
    assert after[moved_to] == before[moved]
    new = sorted(after[version] for version in set(after) - stay - {moved_to})
    assert new == list(range(max(before.values()) + 1, max(before.values()) + 4))


def test_a_version_that_begins_earlier_keeps_its_key(workspace: Workspace) -> None:
    before, after = (_versions(workspace.loads[stage][CUSTOMER], "C00003") for stage in ("first", "changed"))
    assert [row["customer_key"] for row in after] == [row["customer_key"] for row in before]
    assert after[1]["valid_from"] == _at("2025-03-20T10:00:00")


# Employees


def test_employees_are_loaded_with_their_newest_state(
    workspace: Workspace, first_employees: list[Row]
) -> None:
    assert workspace.loads["first"][EMPLOYEE].members == _numbered("employee_key", first_employees)


def test_leavers_stay_and_are_not_active(workspace: Workspace) -> None:
    load = workspace.loads["first"][EMPLOYEE]
    with_date, without_a_word = _employee(load, "E0006"), _employee(load, "E0008")
    assert (with_date["is_active"], with_date["leaving_date"]) == (False, date(2025, 3, 31))
    assert (without_a_word["is_active"], without_a_word["leaving_date"]) == (False, date(2025, 6, 30))


def test_who_returns_is_active_again(workspace: Workspace) -> None:
    row = _employee(workspace.loads["first"][EMPLOYEE], "E0009")
    assert (row["is_active"], row["leaving_date"], row["hire_date"]) == (True, None, date(2025, 10, 1))
    assert row["first_hire_date"] < row["hire_date"]


def test_facts_without_an_employee_have_an_unknown_member(workspace: Workspace) -> None:
    unknown = workspace.loads["first"][EMPLOYEE].unknown
    assert (unknown["employee_key"], unknown["employee_id"], unknown["is_active"]) == (-1, "UNKNOWN", False)


def test_changed_employees_are_overwritten(workspace: Workspace, first_employees: list[Row]) -> None:
    load = workspace.loads["changed"][EMPLOYEE]
    expected = [dataclasses.asdict(row) for row in expected_employees(workspace.employees)]
    rows = sorted(load.members, key=lambda row: row["employee_id"])
    assert _without("employee_key", rows) == expected
    before = {row["employee_id"]: row for row in first_employees}
    changed = [row for row in expected if row["employee_id"] in before and row != before[row["employee_id"]]]
    assert (load.count("inserted"), load.count("updated")) == (1, len(changed))
    # E0008 is missing in the late extract already; E0043 comes without a time of change in each extract.
    ids = {"E0006", "E0008", "E0021", "E0022", "E0023", "E0024", "E0043"}
    assert {row["employee_id"] for row in changed} == ids


def test_surrogate_keys_of_employees_are_stable(workspace: Workspace) -> None:
    before, after = (
        _keys("employee_key", workspace.loads[stage][EMPLOYEE].rows, "employee_id")
        for stage in ("first", "changed")
    )
    assert {employee: after[employee] for employee in before} == before
    assert after[("E0099",)] == max(before.values()) + 1


# All of them


@pytest.mark.parametrize("notebook", TABLES)
def test_the_exit_value_names_rows_and_columns(workspace: Workspace, notebook: str) -> None:
    load = workspace.loads["first"][notebook]
    assert load.exit_value["row_count"] == load.count("inserted") == len(load.rows)
    assert [column["name"] for column in load.exit_value["columns"]] == list(load.rows[0])
    types = {column["type"] for column in load.exit_value["columns"]}
    assert types <= {"string", "bigint", "int", "boolean", "date", "timestamp"}


@pytest.mark.parametrize("notebook", TABLES)
def test_loading_the_same_files_again_writes_nothing(workspace: Workspace, notebook: str) -> None:
    first, again = (workspace.loads[stage][notebook] for stage in ("first", "again"))
    assert again.version == first.version
    assert {
        name: value for name, value in again.exit_value.items() if name.startswith("rows_") and value
    } == {name: value for name, value in first.exit_value.items() if name == "rows_rejected" and value}


@pytest.mark.parametrize("notebook", [CUSTOMER, EMPLOYEE])
def test_files_that_were_loaded_may_be_archived(workspace: Workspace, notebook: str) -> None:
    changed, archived = (workspace.loads[stage][notebook] for stage in ("changed", "archived"))
    assert archived.version == changed.version
    assert archived.rows == changed.rows


def test_recreate_builds_the_tables_anew(workspace: Workspace) -> None:
    loads = workspace.loads["recreated"]
    assert loads[CALENDAR].rows == workspace.loads["first"][CALENDAR].rows
    customers = [dataclasses.asdict(row) for row in expected_customers(workspace.customers)]
    assert loads[CUSTOMER].members == _numbered("customer_key", customers)
    employees = [dataclasses.asdict(row) for row in expected_employees(workspace.employees)]
    assert loads[EMPLOYEE].members == _numbered("employee_key", employees)
    for notebook, load in loads.items():
        assert load.exit_value["row_count"] == load.count("inserted") == len(load.rows), notebook
