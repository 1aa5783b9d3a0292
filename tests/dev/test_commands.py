"""Commands start without pages and API, which they do not show."""

from pathlib import Path

import pytest

from app import cli, create_app
from app.config import Settings


@pytest.mark.parametrize(
    ("called", "pages"),
    [
        ("flask --app wsgi recorder", False),
        ("/srv/.venv/bin/flask -A /srv/wsgi.py tokens create admin", False),
        ("flask --app=wsgi --debug users list", False),
        ("flask --app wsgi run", True),
        ("flask --app wsgi db upgrade", True),
        ("flask --app users routes", True),
        ("flask --app wsgi", True),
        ("flask --app wsgi --help", True),
        ("gunicorn wsgi:app", True),
        ("gunicorn recorder", True),
    ],
)
def test_what_shows_pages(called: str, pages: bool) -> None:
    assert cli.shows_pages(called.split()) is pages


def test_commands_are_there_without_pages(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, base_url="http://localhost")
    app = create_app(settings, pages=False, commands=True)
    assert set(app.cli.commands) == cli.WITHOUT_PAGES | {"db"}
    assert app.blueprints == {}
    assert create_app(settings).blueprints
