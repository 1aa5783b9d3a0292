"""Writes the sales report: a workbook with a summary, charts and the data behind them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill

from app.library.progress import Progress
from app.library.reports.sales import Sale, Total, Totals, by_revenue
from app.library.spreadsheet import MAX_ROWS, new_workbook, text_cell

HEADING = Font(bold=True, color="FFFFFF")
HEADING_FILL = PatternFill("solid", fgColor="1F4E78")
TITLE = Font(bold=True, size=16)
MONEY = "#,##0.00"
WHOLE = "#,##0"
DAY = "yyyy-mm-dd"
DATA_COLUMNS = ("date", "order_id", "region", "product", "quantity", "unit_price", "currency", "revenue")
PRODUCTS_IN_CHART = 15
PROGRESS_EVERY_ROWS = 500


def write_report(path: Path, source: str, totals: Totals, sales: Iterator[Sale], progress: Progress) -> None:
    """Write the workbook; `sales` are the rows that `totals` were made from."""
    if totals.total.sales >= MAX_ROWS:
        raise ValueError(f"A sheet holds {MAX_ROWS:,} rows, the report has {totals.total.sales:,}")
    with new_workbook(path) as book:
        ranges = _write_summary(book.create_sheet("Summary"), source, totals)
        _write_charts(book, ranges, totals)
        _write_data(book.create_sheet("Data"), sales, totals.total.sales, progress)


def _write_summary(sheet: Any, source: str, totals: Totals) -> dict[str, tuple[int, int]]:
    """Write the tables; returns the first and last row of each, for the charts."""
    for column, width in zip("ABCD", (34, 12, 14, 18), strict=True):
        sheet.column_dimensions[column].width = width
    title = text_cell(sheet, "Sales report")
    title.font = TITLE
    revenue = _number(sheet, totals.total.revenue, MONEY)
    rows: list[list[Any]] = [
        [title],
        [text_cell(sheet, f"From {totals.first} to {totals.last}, read from {source}")],
        [],
        [
            text_cell(sheet, f"Revenue ({totals.currency})" if totals.currency else "Revenue"),
            None,
            None,
            revenue,
        ],
        ["Sales", None, None, _number(sheet, totals.total.sales, WHOLE)],
        ["Pieces", None, None, _number(sheet, totals.total.quantity, WHOLE)],
        [],
    ]
    ranges: dict[str, tuple[int, int]] = {}
    groups = {
        "Month": totals.by_month,
        "Region": by_revenue(totals.by_region),
        "Product": by_revenue(totals.by_product),
    }
    for name, group in groups.items():
        rows.append(_headings(sheet, (name, "Sales", "Pieces", "Revenue")))
        ranges[name] = len(rows) + 1, len(rows) + len(group)
        rows += [_total_row(sheet, label, total) for label, total in group.items()]
        rows.append([])
    for row in rows:
        sheet.append(row)
    return ranges


def _write_charts(book: Any, ranges: dict[str, tuple[int, int]], totals: Totals) -> None:
    sheet, summary = book.create_sheet("Charts"), book["Summary"]
    unit = totals.currency or "revenue"
    sheet.add_chart(_bar_chart(summary, "Revenue by month", unit, ranges["Month"]), "A1")
    sheet.add_chart(_bar_chart(summary, "Revenue by region", unit, ranges["Region"]), "A22")
    first, last = ranges["Product"]
    best = first, min(last, first + PRODUCTS_IN_CHART - 1)
    sheet.add_chart(_bar_chart(summary, "Products with the highest revenue", unit, best), "A43")


def _bar_chart(summary: Any, title: str, unit: str, rows: tuple[int, int]) -> BarChart:
    first, last = rows
    chart = BarChart()
    chart.title, chart.y_axis.title = title, unit
    chart.width, chart.height, chart.gapWidth = 26, 10, 60
    chart.legend = None
    chart.add_data(Reference(summary, min_col=4, min_row=first, max_row=last))
    chart.set_categories(Reference(summary, min_col=1, min_row=first, max_row=last))
    chart.y_axis.number_format = WHOLE
    # Without these, newer Excel and LibreOffice hide the axes of openpyxl's charts.
    chart.x_axis.delete = chart.y_axis.delete = False
    return chart


def _write_data(sheet: Any, sales: Iterator[Sale], count: int, progress: Progress) -> None:
    sheet.freeze_panes = "A2"
    for column, width in zip("ABCDEFGH", (12, 14, 16, 28, 10, 12, 10, 14), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.append(_headings(sheet, DATA_COLUMNS))
    for number, sale in enumerate(sales, start=1):
        sheet.append(_data_row(sheet, sale))
        if number % PROGRESS_EVERY_ROWS == 0 or number == count:
            progress(number, count, "rows written")
    sheet.auto_filter.ref = f"A1:H{count + 1}"


def _data_row(sheet: Any, sale: Sale) -> list[Any]:
    return [
        _number(sheet, sale.date, DAY),
        text_cell(sheet, sale.order_id or ""),
        text_cell(sheet, sale.region),
        text_cell(sheet, sale.product),
        sale.quantity,
        _number(sheet, sale.unit_price, MONEY),
        text_cell(sheet, sale.currency or ""),
        _number(sheet, sale.revenue, MONEY),
    ]


def _total_row(sheet: Any, label: str, total: Total) -> list[Any]:
    return [
        text_cell(sheet, label),
        _number(sheet, total.sales, WHOLE),
        _number(sheet, total.quantity, WHOLE),
        _number(sheet, total.revenue, MONEY),
    ]


def _headings(sheet: Any, names: tuple[str, ...]) -> list[Any]:
    cells = [text_cell(sheet, name) for name in names]
    for cell in cells:
        cell.font, cell.fill, cell.alignment = HEADING, HEADING_FILL, Alignment(horizontal="center")
    return cells


def _number(sheet: Any, value: Any, number_format: str) -> Cell:
    cell: Cell = WriteOnlyCell(sheet, value)
    cell.number_format = number_format
    return cell
