"""The moment at which the tests of accounts happen, and reading a page's form."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def csrf() -> Callable[[FlaskClient, str], str]:
    """Reads the CSRF token out of a page's form."""

    def read(client: FlaskClient, address: str = "/login") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
        assert found, f"no form at {address}"
        return found[1]

    return read
