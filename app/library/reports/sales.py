"""Reads sales out of a CSV file, checks every row and adds them up by month, region and product."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from app.library.data.kinds import Kind, convert
from app.library.data.readers import BadData, Rows, open_rows

REQUIRED: dict[str, Kind] = {
    "date": "date",
    "region": "text",
    "product": "text",
    "quantity": "integer",
    "unit_price": "decimal",
}
OPTIONAL: dict[str, Kind] = {"order_id": "text", "currency": "text"}
MAX_PROBLEMS = 10
CENT = Decimal("0.01")


class Sale(NamedTuple):
    """One row of the file."""

    row: int
    date: date
    region: str
    product: str
    quantity: int
    unit_price: Decimal
    order_id: str | None
    currency: str | None

    @property
    def revenue(self) -> Decimal:
        return self.quantity * self.unit_price


@dataclass
class Total:
    """What a group of sales comes to."""

    sales: int = 0
    quantity: int = 0
    revenue: Decimal = Decimal(0)

    def add(self, sale: Sale) -> None:
        self.sales += 1
        self.quantity += sale.quantity
        self.revenue += sale.revenue


@dataclass(frozen=True)
class Selection:
    """Which sales a report is about; None means no limit."""

    since: date | None = None
    until: date | None = None
    currency: str | None = None

    def takes(self, sale: Sale) -> bool:
        return (
            (self.since is None or sale.date >= self.since)
            and (self.until is None or sale.date <= self.until)
            and (self.currency is None or sale.currency == self.currency)
        )


@dataclass
class Totals:
    """The sums of a file. `by_month` has a total for every month between the first and the last."""

    total: Total = field(default_factory=Total)
    by_month: dict[str, Total] = field(default_factory=dict)
    by_region: dict[str, Total] = field(default_factory=dict)
    by_product: dict[str, Total] = field(default_factory=dict)
    first: date = date.max
    last: date = date.min
    currency: str | None = None

    def add(self, sale: Sale) -> None:
        self.total.add(sale)
        self.by_month.setdefault(f"{sale.date:%Y-%m}", Total()).add(sale)
        self.by_region.setdefault(sale.region, Total()).add(sale)
        self.by_product.setdefault(sale.product, Total()).add(sale)
        self.first, self.last = min(self.first, sale.date), max(self.last, sale.date)


def open_sales(path: Path, delimiter: str, selection: Selection) -> Callable[[], Iterator[Sale]]:
    """The selected sales of a file; what is returned may be called more than once.

    Iterating raises `BadData` at the end when rows are bad, with the first ten of them; a column that is
    missing raises it at once.
    """
    rows = open_rows(path, delimiter)
    columns = {name.lower(): index for index, name in enumerate(rows.columns)}
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise BadData(f"The file has no column {', '.join(missing)}; it has: {', '.join(rows.columns)}")
    return lambda: (sale for sale in _checked(rows, columns) if selection.takes(sale))


def _checked(rows: Rows, columns: dict[str, int]) -> Iterator[Sale]:
    problems: list[str] = []
    for number, row in rows.read():
        sale = _sale(number, row, columns, problems)
        if sale is not None and not problems:
            yield sale
        if len(problems) >= MAX_PROBLEMS:
            problems.append("and maybe more")
            break
    if problems:
        raise BadData("; ".join(problems))


def _sale(number: int, row: Sequence[Any], columns: dict[str, int], problems: list[str]) -> Sale | None:
    """The row as a sale, or None when it is bad; what is wrong with it is added to `problems`."""
    values: dict[str, Any] = dict.fromkeys(OPTIONAL)
    before = len(problems)
    for name, kind in {**REQUIRED, **OPTIONAL}.items():
        if name not in columns:
            continue
        try:
            values[name] = convert(row[columns[name]], kind)
            if values[name] is None and name in REQUIRED:
                raise ValueError("the cell is empty")
        except ValueError as error:
            problems.append(f"Row {number}, column {name}: {error}")
    return Sale(row=number, **values) if len(problems) == before else None


def add_up(sales: Iterator[Sale]) -> Totals:
    """The totals of all sales; raises `BadData` when there are none, or in more than one currency."""
    totals = Totals()
    for sale in sales:
        if totals.total.sales == 0:
            totals.currency = sale.currency
        elif sale.currency != totals.currency:
            raise BadData(
                f"Row {sale.row}, column currency: {sale.currency or 'nothing'} after "
                f"{totals.currency or 'nothing'}; sums need one currency, choose it in the form"
            )
        totals.add(sale)
    if not totals.total.sales:
        raise BadData("There are no sales to report on: the file has no rows in this period and currency")
    totals.by_month = {
        month: totals.by_month.get(month, Total()) for month in months(totals.first, totals.last)
    }
    return totals


def months(first: date, last: date) -> list[str]:
    """Every month from the one of `first` to the one of `last`, as YYYY-MM."""
    start, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(start, end + 1)]


def by_revenue(groups: dict[str, Total]) -> dict[str, Total]:
    """The groups, the one with the highest revenue first."""
    return dict(sorted(groups.items(), key=lambda group: (-group[1].revenue, group[0])))


def money(amount: Decimal) -> float:
    """An amount rounded to cents, as a JSON number."""
    return float(amount.quantize(CENT))


def figures(totals: Totals) -> dict[str, Any]:
    """What the run of a report keeps of its totals, as JSON: regions and the ten best products by revenue."""
    regions, products = by_revenue(totals.by_region), by_revenue(totals.by_product)
    return {
        "sales": totals.total.sales,
        "pieces": totals.total.quantity,
        "revenue": money(totals.total.revenue),
        "currency": totals.currency,
        "first_day": totals.first.isoformat(),
        "last_day": totals.last.isoformat(),
        "revenue_by_month": {month: money(total.revenue) for month, total in totals.by_month.items()},
        "revenue_by_region": {region: money(total.revenue) for region, total in regions.items()},
        "best_products": {product: money(products[product].revenue) for product in list(products)[:10]},
    }
