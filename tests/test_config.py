"""What is said of a wrong setting: its name and what is allowed, and never a password."""

from pathlib import Path
from typing import Any

import pytest

from app.config import ConfigError, Settings, load_settings, make_data_folder, without_secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://x"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "sqlite:///"),
        ("CONCURRENCY", "0"),
        ("QUEUES", "good,bad name"),
        ("QUEUES", "unacked"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TRUSTED_PROXIES", "eleven"),
        ("FILE_ROOTS", "/srv/files,/"),
        ("FILE_ROOTS", "."),
        ("FILE_ROOTS", "var"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CELERIAC_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert f"CELERIAC_{name}={value}" in str(caught.value)


def test_a_database_that_each_process_would_have_for_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CELERIAC_DATABASE_URL", "sqlite:///:memory:")
    with pytest.raises(ConfigError, match=r"CELERIAC_DATABASE_URL=.*allowed: sqlite:///FILE"):
        load_settings()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, why in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "in", "Not a directory")):
        with pytest.raises(ConfigError, match=f"CELERIAC_DATA_DIR={folder}: {why}; allowed: "):
            make_data_folder(Settings(data_dir=folder))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("sentinel://a:26379/0", "master_name="),
        ("sentinel://a:port/0?master_name=main", "a port from 1 to 65535"),
        ("sentinel://a;http://b/0?master_name=main", "each Sentinel is named as"),
        ("sentinel://a/x?master_name=main", "number of a database"),
        ("sentinel://:hunter2@a/0?master_name=main&ssl_ca_certs=x", "no option of sentinel://: ssl_ca_certs"),
        ("sentinel://:hunt@hunter2@a/0?master_name=main", "%40 for @"),
    ],
)
def test_sentinels_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, value: str, why: str) -> None:
    monkeypatch.setenv("CELERIAC_REDIS_URL", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_redis_as_celery_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def celery(value: str) -> tuple[str, dict[str, Any]]:
        monkeypatch.setenv("CELERIAC_REDIS_URL", value)
        settings = load_settings()
        return settings.celery_redis_url, settings.celery_redis_options

    assert celery("unix:///run/redis.sock?db=2") == ("redis+socket:///run/redis.sock?virtual_host=2", {})
    assert celery("rediss://h:1/0") == ("rediss://h:1/0?ssl_cert_reqs=required", {})
    assert celery("rediss://h:1/0?ssl_ca_certs=/ca") == (
        "rediss://h:1/0?ssl_ca_certs=/ca&ssl_cert_reqs=required",
        {},
    )
    url, options = celery("sentinel://u:p%40@a;sentinel://[::1]:7/3?master_name=main&sentinel_password=s")
    assert url == "sentinel://u:p%40@a:26379/3;sentinel://u:p%40@[::1]:7/3"
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"]["password"] == "s"


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "BROKER_URL", "SMTP_URL", "DATA_URLS"])
@pytest.mark.parametrize(
    "value",
    [
        "mysql://ann:hunter2@db/x",
        "mysql://ann:hunter2@db.example:5432/x?sslmode=require",
        "ann:hunter2@db",
        "mysql:/ann:hunter2@db",
        "mysql//ann:hunter2@db",
        "mysql://ann:hunt@hunter2@db",
        "mysql://ann:hunt/hunter2@db",
        "mysql://ann:hunter2",
        "mysql://:hunter2@db",
        "mysql://db/x?password=hunter2&user=ann",
        "mysql://db/x?PassWord=hunter2",
        '{"shop": "mysql://ann:hunter2@db", "other": "mysql://bob:hunter2@db"}',
        '{"shop": "mysql://ann:hunter2@db"',
        "mysql://ann:hun ter\nhunter2@db",
    ],
)
def test_a_wrong_url_is_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CELERIAC_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    said = str(caught.value)
    assert said.startswith(f"CELERIAC_{name}=")
    assert "allowed:" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://ann:hunt@hunter2@db/x"),
        ("DATABASE_URL", "postgresql://ann:hunt/hunter2@db/x"),
        ("DATABASE_URL", "postgresql://ann:hunt#hunter2@db/x"),
        ("DATABASE_URL", "postgresql://ann:hunter2@db:port/x"),
        ("DATABASE_URL", "postgresql://ann:[hunter2@db/x"),
        ("REDIS_URL", "redis://:hunt/hunter2@redis:6379/0"),
        ("REDIS_URL", "redis://:hunter2"),
        ("BROKER_URL", "amqp://ann:hunt@hunter2@rabbit"),
        ("SMTP_URL", "smtp://ann:hunt@hunter2@mail"),
        ("DATA_URLS", '{"shop": "postgresql://ann:hunt@hunter2@db/x"}'),
        ("SECRET_KEY", "hunter2"),
    ],
)
def test_a_password_that_would_reach_into_the_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Else every error of connecting would show it as a part of the host, the port or the path."""
    monkeypatch.setenv(f"CELERIAC_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert f"CELERIAC_{name}=" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql:///x?password=hunter2&port=abc"),
        ("DATA_URLS", '{"shop": "postgresql:///x?password=hunter2&port=abc"}'),
        ("REDIS_URL", "redis://ann:hunter2@redis:6379/abc"),
        ("REDIS_URL", "redis://ann:hunter2@redis:6379/0?socket_timeout=x"),
        ("REDIS_URL", "redis://redis:6379/0?password=hunter2"),
        ("REDIS_URL", "redis://ann:hunter2@redis:6379/0?colour=red"),
    ],
)
def test_an_option_that_no_client_takes_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CELERIAC_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert f"CELERIAC_{name}=" in str(caught.value)
    assert "allowed: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://ann:h%40nt@db.example:5432/x?sslmode=require"),
        ("DATABASE_URL", "postgresql://postgres:@/celeriac?host=%2Ftmp%2Fa"),
        ("DATABASE_URL", "sqlite:////tmp/a@b/c.db"),
        ("REDIS_URL", "redis://:hunter2@redis:6379/0"),
        ("REDIS_URL", "unix:///run/redis@main/redis.sock?db=1"),
        ("REDIS_URL", "unix://:hunter2@/run/redis@main/redis.sock"),
        ("REDIS_URL", "rediss://[::1]:6379/0"),
        ("REDIS_URL", "redis://redis"),
        ("REDIS_URL", "redis://redis:6379/"),
        ("REDIS_URL", "redis://redis:6379/1?socket_timeout=5"),
        ("REDIS_URL", "rediss://ann:hunter2@redis:6379/1?ssl_cert_reqs=none"),
        ("BROKER_URL", "amqp://ann:hunter2@rabbit:5672//"),
        ("SMTP_URL", "smtp://ann%40example.com:hunter2@mail:587?starttls=1"),
    ],
)
def test_proper_urls_are_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CELERIAC_{name}", value)
    assert getattr(load_settings(), name.lower())


def test_what_holds_no_secret_is_shown_as_it_is() -> None:
    for name, value in [
        ("CELERIAC_REDIS_URL", "http://x:80/a"),
        ("CELERIAC_TIMEZONE", "Mars/Olympus"),
        ("CELERIAC_MAIL_FROM", "ann@b@c"),
    ]:
        assert without_secrets(name, value) == value
