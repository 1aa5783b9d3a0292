"""Secrets are known by their names and types, and masked wherever they stand."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from app.catalog import MASK, is_masked, is_secret, mask


@pytest.mark.parametrize(
    "name",
    [
        *("password", "passwd", "PASSWORD", "db_password", "dbPassword", "userpassword", "passphrase", "pwd"),
        *("secret", "client_secret", "clientSecret", "SECRET_KEY", "secrets"),
        *("token", "access_token", "authToken", "accesstoken", "X-Auth-Token", "bearer", "jwt", "csrf_token"),
        *("api_key", "apikey", "apiKey", "X-API-Key", "private_key", "privateKey", "ssh_key", "access_key"),
        *("authorization", "Authorization", "Proxy-Authorization", "credential", "credentials"),
        *("cookie", "Cookie", "Set-Cookie", "session_id", "otp", "dsn"),
        *(
            "pass",
            "smtp_pass",
            "dbPass",
            "passcode",
            "pass_code",
            "pin",
            "card_pin",
            "pinCode",
            "creds",
            "cvv",
        ),
        *(
            "reset_password",
            "auth_header",
            "authorization_header",
            "database_url",
            "DATABASE_URL",
            "redisUrl",
        ),
        *("db_uri", "connection_string", "connectionString", "conn_str", "broker_url", "jdbc_url"),
    ],
)
def test_secret_names(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "x",
            "user",
            "key",
            "keys",
            "monkey",
            "author",
            "authors",
            "secretary",
            "primary_key",
            "sort_key",
        ),
        *("max_tokens", "token_count", "token_limit", "password_length", "cookie_name", "token_expires_at"),
        *("has_password", "use_token", "tokenizer", "passage", "compass", "bypass"),
        *("passenger", "passengers", "pinned", "pin_to_top", "spin", "shipping", "pass_through", "passed"),
        *(
            "url",
            "base_url",
            "image_url",
            "database",
            "connection",
            "connection_strategy",
            "credit",
            "header",
        ),
    ],
)
def test_other_names(name):
    assert not is_secret(name)


@given(st.text())
def test_any_name_can_be_asked(name):
    assert is_secret(name) in (True, False)


class Login(BaseModel):
    user: str
    code: SecretStr


def connect(
    host: str, password: str, login: Login, headers: dict, *keys: SecretStr, pin: SecretStr, **options
):
    pass


@pytest.fixture
def info(info_of):
    return info_of(connect)


def test_masked_by_name_type_and_nested_key(info):
    args = [
        "h",
        "swordfish",
        {"user": "mei", "code": "1"},
        {"Authorization": "Bearer x", "Accept": "y"},
        "k1",
        "k2",
    ]
    kwargs = {"pin": "1", "api_key": "a", "note": "n"}
    before = copy.deepcopy((args, kwargs))
    new_args, new_kwargs, names = mask(info, args, kwargs)
    assert new_args == [
        "h",
        MASK,
        {"user": "mei", "code": MASK},
        {"Authorization": MASK, "Accept": "y"},
        MASK,
        MASK,
    ]
    assert new_kwargs == {"pin": MASK, "api_key": MASK, "note": "n"}
    assert names == ["password", "login", "headers", "keys", "pin", "api_key"]
    assert (args, kwargs) == before


def test_a_task_that_is_not_known():
    args, kwargs, names = mask(
        None, [1, {"token": "t", "list": [{"Cookie": "c"}]}], {"password": 5, "x": [1, 2]}
    )
    assert args == [1, {"token": MASK, "list": [{"Cookie": MASK}]}]
    assert kwargs == {"password": MASK, "x": [1, 2]}
    assert names == ["args[1]", "password"]


def test_nothing_to_hide(info):
    kwargs = {"password": None, "token": "", "use_secret": True, "secret": False, "tuple": (1, 2)}
    assert mask(None, [], kwargs) == ([], kwargs | {"tuple": [1, 2]}, [])


def test_too_many_arguments_are_survived(info_of):
    def one(password: str):
        pass

    assert mask(info_of(one), ["a", "b"], {"c": 1}) == ([MASK, "b"], {"c": 1}, ["password"])


def test_masked_again_changes_nothing(info):
    once = mask(info, ["h", "p"], {"pin": "1"})
    assert mask(info, once[0], once[1]) == once


def test_depth_does_not_break_it():
    deep: object = "x"
    for _ in range(5000):
        deep = {"a": deep}
    _, kwargs, names = mask(None, [], {"deep": deep})
    assert is_masked(kwargs)
    assert names == ["deep"]


URL = "postgresql://mei:s3cret@db.example/app"
SHOWN = f"postgresql://mei:{MASK}@db.example/app"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, SHOWN),
        ("redis://:s3cret@h:6379/0", f"redis://:{MASK}@h:6379/0"),
        ("https://u:p@ss@h/x?mail=a@b.c", f"https://u:{MASK}@h/x?mail=a@b.c"),
        ("postgresql+psycopg://u:p/w@h/db", f"postgresql+psycopg://u:{MASK}@h/db"),
        (f"see {URL}, and {URL}", f"see {SHOWN}, and {SHOWN}"),
        ("http://h:8080/a@b", "http://h:8080/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("http://h/a:b@c", "http://h/a:b@c"),
        ("mail a@b.c, then http://h", "mail a@b.c, then http://h"),
        ("https://user@h/", "https://user@h/"),
    ],
)
def test_the_password_of_a_url_is_hidden_under_any_name(text, shown):
    assert mask(None, [text], {"note": {"of": [text]}})[:2] == ([shown], {"note": {"of": [shown]}})
    assert is_masked(shown) == (text != shown)


def test_a_masked_url_counts_as_masked():
    assert mask(None, [URL], {"url": URL, "other": "x"})[2] == ["args[0]", "url"]
    assert not is_masked("http://h/••••••")


def test_masked_values_are_recognised():
    assert is_masked(MASK)
    assert is_masked({"a": [1, {"b": MASK}]})
    assert not is_masked({"a": [1, "•"], MASK: "key"})
    assert not is_masked(None)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_value_under_a_secret_name_is_left(value):
    _, kwargs, names = mask(None, [], {"password": value, "other": {"token": value}})
    hidden = value not in (None, "", [], {})
    assert kwargs["password"] == (MASK if hidden else value)
    assert kwargs["other"] == {"token": MASK if hidden else value}
    assert names == (["password", "other"] if hidden else [])
