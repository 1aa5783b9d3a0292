"""The sales report: its numbers, its workbook, and what it says about bad data."""

import os
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from app.library.data.readers import BadData
from app.library.reports import sales_report
from app.library.reports.sales import Sale, add_up, months

HEADER = "date,order_id,region,product,quantity,unit_price,currency\n"
ROWS = """2026-01-05,A1,North,Tent,2,10.10,EUR
2026-03-31,A2,South,Stove,1,0.05,EUR
2026-01-20,A3,North,Stove,-1,5.00,EUR
"""


def put(root: Path, content: str) -> None:
    (root / "in.csv").write_text(content, encoding="utf-8")


def test_the_numbers(run: Any, root: Path) -> None:
    put(root, HEADER + ROWS)
    result = run(sales_report, source="in.csv", output="out.xlsx")
    assert result == {
        "output": str(root / "out.xlsx"),
        "sales": 3,
        "pieces": 2,
        "revenue": 15.25,
        "currency": "EUR",
        "first_day": "2026-01-05",
        "last_day": "2026-03-31",
        "revenue_by_month": {"2026-01": 15.2, "2026-02": 0.0, "2026-03": 0.05},
        "revenue_by_region": {"North": 15.2, "South": 0.05},
        "best_products": {"Tent": 20.2, "Stove": -4.95},
    }


def test_the_workbook(run: Any, root: Path) -> None:
    put(root, HEADER + ROWS)
    run(sales_report, source="in.csv", output="out.xlsx")
    with closing(load_workbook(root / "out.xlsx")) as book:
        assert book.sheetnames == ["Summary", "Charts", "Data"]
        summary = [[cell.value for cell in row] for row in book["Summary"].iter_rows()]
        assert summary[0][0] == "Sales report"
        assert ["2026-01", 2, 1, 15.2] in summary
        assert ["2026-02", 0, 0, 0] in summary
        assert ["North", 2, 1, 15.2] in summary
        assert ["Tent", 1, 2, 20.2] in summary
        data = [[cell.value for cell in row] for row in book["Data"].iter_rows()]
        assert data[1][1:] == ["A1", "North", "Tent", 2, 10.1, "EUR", 20.2]
        assert book["Data"]["A2"].value.date() == date(2026, 1, 5)
        assert (book["Data"].max_row, book["Data"].freeze_panes) == (4, "A2")


def test_the_charts_show_the_tables_of_the_summary(run: Any, root: Path) -> None:
    put(root, HEADER + ROWS)
    run(sales_report, source="in.csv", output="out.xlsx")
    with closing(load_workbook(root / "out.xlsx")) as book:
        summary = book["Summary"]
        shown = []
        for chart in book["Charts"]._charts:
            (series,) = chart.series
            labels, values = (
                [cell.value for row in summary[reference.split("!")[1].replace("$", "")] for cell in row]
                for reference in (series.cat.numRef.f, series.val.numRef.f)
            )
            shown.append(dict(zip(labels, values, strict=True)))
    assert shown == [
        {"2026-01": 15.2, "2026-02": 0, "2026-03": 0.05},
        {"North": 15.2, "South": 0.05},
        {"Tent": 20.2, "Stove": -4.95},
    ]


def test_the_demo_sales(run: Any, root: Path) -> None:
    result = run(sales_report)
    assert (result["sales"], result["currency"], result["first_day"]) == (3980, "EUR", "2025-01-01")
    assert len(result["revenue_by_month"]) == 18
    assert sum(result["revenue_by_region"].values()) == pytest.approx(result["revenue"])
    assert (root / "sales_report.xlsx").stat().st_size > 100_000


def test_a_period(run: Any, root: Path) -> None:
    put(root, HEADER + ROWS)
    result = run(sales_report, source="in.csv", output="out.xlsx", since="2026-01-20", until="2026-03-31")
    assert (result["sales"], result["first_day"]) == (2, "2026-01-20")
    with pytest.raises(ValueError, match="The first day, 2026-02-01, is after the last, 2026-01-01"):
        run(sales_report, source="in.csv", since="2026-02-01", until="2026-01-01")
    with pytest.raises(BadData, match="no sales to report on"):
        run(sales_report, source="in.csv", since="2027-01-01")


def test_currencies_are_not_mixed(run: Any, root: Path) -> None:
    put(root, HEADER + ROWS + "2026-04-01,A4,North,Tent,1,7.00,USD\n")
    with pytest.raises(BadData, match="Row 5, column currency: USD after EUR"):
        run(sales_report, source="in.csv", output="out.xlsx")
    assert run(sales_report, source="in.csv", output="out.xlsx", currency="USD")["revenue"] == 7.0
    with pytest.raises(BadData, match="no sales"):
        run(sales_report, source="in.csv", output="out.xlsx", currency="CHF")


def test_columns_may_be_in_any_order_and_case_and_more(run: Any, root: Path) -> None:
    put(root, "Note;Unit_Price;Quantity;Product;Region;DATE\nx;2.50;2;Tent;North;2026-01-01\n")
    result = run(sales_report, source="in.csv", output="out.xlsx", delimiter="semicolon")
    assert (result["revenue"], result["currency"]) == (5.0, None)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("soon,A,North,Tent,1,1,EUR", 'Row 5, column date: "soon" is not a date'),
        ("2026-02-30,A,North,Tent,1,1,EUR", "Row 5, column date"),
        ("2026-01-01,A,,Tent,1,1,EUR", "Row 5, column region: the cell is empty"),
        ("2026-01-01,A,North,Tent,1.5,1,EUR", 'Row 5, column quantity: "1.5" is not a whole number'),
        ("2026-01-01,A,North,Tent,1,free,EUR", 'Row 5, column unit_price: "free" is not a number'),
        ("2026-01-01,A,North,Tent,1,NaN,EUR", "Row 5, column unit_price"),
        ("2026-01-01,A,North,Tent,1,,EUR", "Row 5, column unit_price: the cell is empty"),
        ("2026-01-01,A,North", "Row 5 has 3 cells, the header has 7"),
        (
            "x,A,North,Tent,y,z,EUR",
            "Row 5, column date: .*; Row 5, column quantity: .*; Row 5, column unit_price",
        ),
    ],
)
def test_bad_rows_are_named_and_no_workbook_is_written(run: Any, root: Path, row: str, words: str) -> None:
    put(root, HEADER + ROWS + row + "\n" + "2026-01-01,A9,North,Tent,1,1,EUR\n")
    (root / "out.xlsx").write_bytes(b"older")
    with pytest.raises(BadData, match=words):
        run(sales_report, source="in.csv", output="out.xlsx")
    assert (root / "out.xlsx").read_bytes() == b"older"
    assert sorted(os.listdir(root)) == ["in.csv", "out.xlsx"]


def test_at_most_ten_problems_are_listed(run: Any, root: Path) -> None:
    put(root, HEADER + "bad,A,North,Tent,1,1,EUR\n" * 50)
    with pytest.raises(BadData) as caught:
        run(sales_report, source="in.csv", output="out.xlsx")
    assert str(caught.value).count("column date") == 10
    assert str(caught.value).endswith("and maybe more")


def test_a_file_without_the_columns(run: Any, root: Path) -> None:
    put(root, "date,amount\n2026-01-01,5\n")
    with pytest.raises(
        BadData, match="no column region, product, quantity, unit_price; it has: date, amount"
    ):
        run(sales_report, source="in.csv", output="out.xlsx")
    put(root, "")
    with pytest.raises(BadData, match="empty"):
        run(sales_report, source="in.csv", output="out.xlsx")
    with pytest.raises(FileNotFoundError):
        run(sales_report, source="none.csv")
    with pytest.raises(ValueError, match=r"must end in \.xlsx"):
        run(sales_report, source="in.csv", output="out.csv")


def test_text_that_looks_like_a_formula_stays_text(run: Any, root: Path) -> None:
    put(root, HEADER + '2026-01-05,=1+1,"=HYPERLINK(""http://x"")",=A1,1,1,EUR\n')
    run(sales_report, source="in.csv", output="out.xlsx")
    with closing(load_workbook(root / "out.xlsx")) as book:
        cells = [cell for sheet in ("Summary", "Data") for row in book[sheet].iter_rows() for cell in row]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert "=1+1" in [cell.value for cell in cells]


SALES = st.builds(
    Sale,
    row=st.just(2),
    date=st.dates(date(2020, 1, 1), date(2027, 12, 31)),
    region=st.sampled_from("NSEW"),
    product=st.text(min_size=1, max_size=2),
    quantity=st.integers(-10, 1000),
    unit_price=st.decimals(0, 10_000, places=2),
    order_id=st.none(),
    currency=st.just("EUR"),
)


@given(st.lists(SALES, min_size=1, max_size=30))
def test_every_way_of_adding_up_comes_to_the_same(sales: list[Sale]) -> None:
    totals = add_up(iter(sales))
    assert totals.total.revenue == sum((sale.quantity * sale.unit_price for sale in sales), Decimal(0))
    for groups in (totals.by_month, totals.by_region, totals.by_product):
        assert sum(group.revenue for group in groups.values()) == totals.total.revenue
        assert sum(group.sales for group in groups.values()) == len(sales)
    assert list(totals.by_month) == months(totals.first, totals.last)


def test_months() -> None:
    assert months(date(2025, 11, 30), date(2026, 2, 1)) == ["2025-11", "2025-12", "2026-01", "2026-02"]
