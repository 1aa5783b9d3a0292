"""Tasks that turn data into reports."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.library.data import DELIMITERS
from app.library.folders import input_file, output_file, replacing


@shared_task(name="reports.sales_report", bind=True, soft_time_limit=1800, time_limit=1860)
def sales_report(
    self: CeleriacTask,
    source: Annotated[Path, Field(description="CSV file with the sales")] = Path("sales.csv"),
    output: Annotated[Path, Field(description="New workbook, its name ending in .xlsx")] = Path(
        "sales_report.xlsx"
    ),
    since: Annotated[date | None, Field(description="First day to count; empty: from the beginning")] = None,
    until: Annotated[date | None, Field(description="Last day to count; empty: to the end")] = None,
    currency: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Z]{3}$", description="Count only sales in this currency, such as EUR; empty: all"
        ),
    ] = None,
    delimiter: Annotated[
        Literal["comma", "semicolon", "tab", "pipe"],
        Field(description="What separates the cells of the file"),
    ] = "comma",
) -> dict[str, Any]:
    """Make a sales report: a workbook with totals, charts and the data.

    The CSV file must have the columns date, region, product, quantity and unit_price, and may have
    order_id and currency. The workbook gets three sheets: Summary (totals by month, region and product),
    Charts, and Data. A row that cannot be read stops the report and is named with its column; no workbook
    is written then, and an older one stays as it is.
    """
    from app.library.reports.sales import Selection, add_up, figures, open_sales
    from app.library.reports.workbook import write_report

    if since and until and since > until:
        raise ValueError(f"The first day, {since}, is after the last, {until}")
    path = input_file(source)
    target = output_file(output, [".xlsx"])
    sales = open_sales(path, DELIMITERS[delimiter], Selection(since, until, currency))
    self.progress(0, None, "Adding up")
    totals = add_up(sales())
    with replacing(target) as draft:
        write_report(draft, path.name, totals, sales(), self.progress)
    return {"output": str(target)} | figures(totals)
