"""Columns of schedules as JSON and back: whole rows that were deleted, and what code defines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table

from app.clock import UTCDateTime
from app.schedules.models import Schedule

_TABLE = cast(Table, Schedule.__table__)


def snapshot(row: Schedule) -> dict[str, Any]:
    """Every column of a row by its name, as JSON."""
    return to_json({column.name: getattr(row, column.name) for column in _TABLE.columns})


def to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column; times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def from_json(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the model takes them; columns that do not exist any more are left out."""
    values = {name: value for name, value in kept.items() if name in _TABLE.columns}
    for name, value in values.items():
        if isinstance(_TABLE.columns[name].type, UTCDateTime) and value is not None:
            values[name] = datetime.fromisoformat(value)
    return values
