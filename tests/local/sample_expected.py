"""What the sample's tables must hold, computed from the landing files without Spark, Polars or Delta."""

import calendar
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Day:
    date_key: int
    date: date
    year: int
    quarter: int
    year_quarter: str
    month: int
    year_month: str
    month_name: str
    month_short_name: str
    iso_year: int
    iso_week: int
    iso_year_week: str
    day_of_month: int
    day_of_year: int
    weekday: int
    weekday_name: str
    weekday_short_name: str
    is_weekend: bool
    first_day_of_month: date
    last_day_of_month: date
    is_last_day_of_month: bool
    fiscal_year: int
    fiscal_quarter: int
    fiscal_month: int


@dataclass(frozen=True)
class CustomerVersion:
    customer_id: str
    customer_name: str | None
    segment: str
    street: str | None
    postal_code: str | None
    city: str | None
    country: str | None
    email: str | None
    phone: str | None
    valid_from: datetime
    valid_to: datetime | None
    is_current: bool
    source_changed_at: datetime


@dataclass(frozen=True)
class Employee:
    employee_id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    department: str | None
    position: str | None
    location: str | None
    manager_id: str | None
    first_hire_date: date
    hire_date: date
    leaving_date: date | None
    is_active: bool
    source_modified_at: datetime


def expected_calendar(first: date, last: date, fiscal_year_start_month: int = 10) -> list[Day]:
    """One row a day."""
    days = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        iso = day.isocalendar()
        month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        fiscal_month = [(fiscal_year_start_month - 1 + n) % 12 + 1 for n in range(12)].index(day.month) + 1
        starts_before_january = fiscal_year_start_month != 1
        quarter = (day.month - 1) // 3 + 1
        days.append(
            Day(
                date_key=int(day.strftime("%Y%m%d")),
                date=day,
                year=day.year,
                quarter=quarter,
                year_quarter=f"{day.year}-Q{quarter}",
                month=day.month,
                year_month=day.isoformat()[:7],
                month_name=MONTHS[day.month - 1],
                month_short_name=MONTHS[day.month - 1][:3],
                iso_year=iso.year,
                iso_week=iso.week,
                iso_year_week=f"{iso.year}-W{iso.week:02}",
                day_of_month=day.day,
                day_of_year=(day - date(day.year, 1, 1)).days + 1,
                weekday=iso.weekday,
                weekday_name=WEEKDAYS[day.weekday()],
                weekday_short_name=WEEKDAYS[day.weekday()][:3],
                is_weekend=day.weekday() in (calendar.SATURDAY, calendar.SUNDAY),
                first_day_of_month=day.replace(day=1),
                last_day_of_month=month_end,
                is_last_day_of_month=(day + timedelta(days=1)).month != day.month,
                fiscal_year=day.year + (starts_before_january and day.month >= fiscal_year_start_month),
                fiscal_quarter=-(-fiscal_month // 3),
                fiscal_month=fiscal_month,
            )
        )
    return days


def expected_customers(folder: Path) -> list[CustomerVersion]:
    """The history of all customers, ordered by customer and time."""
    states: dict[str, dict[datetime, dict[str, str | None]]] = defaultdict(dict)
    for row in _customer_rows(folder):
        moment = _utc(row["changed_at"])
        if row["customer_id"] is None or moment is None:
            continue
        known = states[row["customer_id"].upper()]
        if moment not in known or (known[moment]["extract_date"] or "") <= (row["extract_date"] or ""):
            known[moment] = row
    return [
        version for customer_id in sorted(states) for version in _versions(customer_id, states[customer_id])
    ]


def _versions(customer_id: str, states: dict[datetime, dict[str, str | None]]) -> list[CustomerVersion]:
    moments = sorted(states)
    newest = states[moments[-1]]
    versions: list[tuple[dict[str, Any], list[datetime]]] = []
    for moment in moments:
        row = states[moment]
        content = {name: row[name] for name in ("customer_name", "street", "postal_code", "city", "country")}
        content["segment"] = row["segment"].capitalize() if row["segment"] else "Unknown"
        if not versions or versions[-1][0] != content:
            versions.append((content, []))
        versions[-1][1].append(moment)
    ends = [changes[0] for _, changes in versions[1:]]
    return [
        CustomerVersion(
            **content,
            customer_id=customer_id,
            email=newest["email"],
            phone=newest["phone"],
            valid_from=changes[0],
            valid_to=end,
            is_current=end is None,
            source_changed_at=changes[-1],
        )
        for (content, changes), end in zip(versions, [*ends, None], strict=True)
    ]


def expected_employees(folder: Path) -> list[Employee]:
    """One row an employee, ordered by number."""
    extracts: dict[date, list[dict[str, str | None]]] = {}
    for file in folder.iterdir():
        extracts[date.fromisoformat(file.stem[-10:])] = list(_employee_rows(file))
    newest_extract = max(extracts)
    rows: dict[str, list[tuple[datetime, date, dict[str, str | None]]]] = defaultdict(list)
    for extract_date, content in extracts.items():
        for row in content:
            if row["employee_id"] is not None:
                moment = _utc(row["modified_at"]) or datetime.combine(extract_date, time(), UTC)
                rows[row["employee_id"].upper()].append((moment, extract_date, row))
    employees = []
    for employee_id, states in sorted(rows.items()):
        moment, _, row = max(states, key=lambda state: state[:2])
        listed = {extract_date for _, extract_date, _ in states}
        leaving_date = _day(row["leaving_date"])
        if newest_extract not in listed and leaving_date is None:
            leaving_date = min(extract_date for extract_date in extracts if extract_date > max(listed))
        hire_dates = [day for _, _, row in states if (day := _day(row["hire_date"]))]
        hire_date = _day(row["hire_date"])
        assert hire_date is not None
        employees.append(
            Employee(
                employee_id=employee_id,
                first_name=row["first_name"],
                last_name=row["last_name"],
                email=row["email"],
                department=row["department"],
                position=row["position"],
                location=row["location"],
                manager_id=row["manager_id"].upper() if row["manager_id"] else None,
                first_hire_date=min(hire_dates),
                hire_date=hire_date,
                leaving_date=leaving_date,
                is_active=newest_extract in listed
                and (leaving_date is None or leaving_date > newest_extract),
                source_modified_at=moment,
            )
        )
    return employees


def _customer_rows(folder: Path) -> Iterator[dict[str, str | None]]:
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            yield from map(_stripped, csv.DictReader(lines))


def _employee_rows(file: Path) -> Iterator[dict[str, str | None]]:
    if file.suffix == ".json":
        yield from map(_stripped, json.loads(file.read_text(encoding="utf-8")))
    else:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from map(_stripped, csv.DictReader(lines, delimiter=";"))


def _stripped(row: dict[str, str | None]) -> dict[str, str | None]:
    return {name: (value or "").strip() or None for name, value in row.items()}


def _utc(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    if "." in text:
        day, month, year = text.split(".")
        return date(int(year), int(month), int(day))
    return date.fromisoformat(text)
