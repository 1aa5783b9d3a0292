"""`flask users …` and `flask tokens …`."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from app import audit
from app.accounts import sessions, tokens, users
from app.clock import utcnow


@pytest.fixture
def run(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def test_create_with_a_password(run: FlaskCliRunner) -> None:
    command = ["users", "create", "mei", "--role", "operator", "--password-stdin"]
    result = run.invoke(args=command, input="correct horse\n")
    assert result.exit_code == 0, result.output
    assert "http" not in result.output
    assert users.find("mei").can("operate")
    assert users.sign_in("mei", "correct horse", utcnow())
    entry = audit.page(audit.AuditFilter(action="user.create")).items[0]
    assert (entry.via, entry.object_name, entry.address) == ("cli", "mei", None)
    assert entry.actor != "mei"


def test_create_without_a_password_prints_a_link(app: Flask, run: FlaskCliRunner) -> None:
    result = run.invoke(args=["users", "create", "mei", "--role", "viewer"])
    assert result.exit_code == 0
    found = re.search(r"^http://localhost(/login/link/\S+)$", result.output, re.M)
    assert found
    assert "Sign in as mei" in app.test_client().get(found[1]).text


@pytest.mark.parametrize(
    ("args", "typed", "words"),
    [
        (["users", "create", "boss", "--role", "viewer"], "", "already a user named boss"),
        (["users", "create", "Boss", "--role", "viewer"], "", "already a user named Boss"),
        (["users", "create", "a b", "--role", "viewer"], "", "A name has letters"),
        (["users", "create", "mei", "--role", "king"], "", "allowed: viewer, operator, admin"),
        (
            ["users", "create", "mei", "--role", "viewer", "--password-stdin"],
            "short\n",
            "at least 8 characters",
        ),
        (["users", "create", "mei", "--role", "viewer", "--password-stdin"], "", "at least 8 characters"),
        (["users", "link", "nobody"], "", "no user named nobody"),
        (["users", "password", "nobody", "--password-stdin"], "correct horse\n", "no user named nobody"),
        (["users", "password", "boss", "--password-stdin"], "short\n", "at least 8 characters"),
        (["users", "deactivate", "boss"], "", "boss is the last active admin"),
        (["users", "role", "boss", "viewer"], "", "boss is the last active admin"),
        (["users", "deactivate", "nobody"], "", "no user named nobody"),
        (["users", "activate", "nobody"], "", "no user named nobody"),
        (["tokens", "create", "nobody"], "", "no user named nobody"),
        (["tokens", "create", "boss", "--label", "x" * 81], "", "at most 80 characters"),
        (["tokens", "create", "boss", "--role", "king"], "", "allowed: viewer, operator, admin"),
        (["users", "sessions", "nobody"], "", "no user named nobody"),
        (["users", "sign-out", "nobody"], "", "no user named nobody"),
        (["users", "sign-out", "boss", "--session", "9"], "", "no session 9"),
        (["tokens", "revoke", "99"], "", "no token 99"),
    ],
)
def test_refusals_are_one_line_and_exit_code_1(
    run: FlaskCliRunner, args: list[str], typed: str, words: str
) -> None:
    assert run.invoke(args=["users", "create", "boss", "--role", "admin"]).exit_code == 0
    result = run.invoke(args=args, input=typed)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert words in result.output
    assert result.output.count("\n") == 1
    assert [user.name for user in users.listing()] == ["boss"]
    assert tokens.listing() == []


def test_create_asks_for_a_role(run: FlaskCliRunner) -> None:
    result = run.invoke(args=["users", "create", "mei"])
    assert result.exit_code == 2
    assert "--role" in result.output


def test_the_life_of_a_user(run: FlaskCliRunner) -> None:
    for args in (
        ["create", "boss", "--role", "admin"],
        ["create", "mei", "--role", "viewer"],
        ["role", "MEI", "operator"],
        ["deactivate", "mei"],
    ):
        assert run.invoke(args=["users", *args]).exit_code == 0
    assert run.invoke(args=["users", "link", "mei"]).exit_code == 1
    assert run.invoke(args=["users", "list"]).output.splitlines() == [
        "boss\tadmin\tactive\tnever seen",
        "mei\toperator\tinactive\tnever seen",
    ]
    run.invoke(args=["users", "activate", "mei"])
    result = run.invoke(args=["users", "password", "mei", "--password-stdin"], input="correct horse\r\n")
    assert result.exit_code == 0
    assert "mei\toperator\tactive" in run.invoke(args=["users", "list"]).output


def test_tokens_create_prints_only_the_token(run: FlaskCliRunner) -> None:
    run.invoke(args=["users", "create", "mei", "--role", "operator"])
    result = run.invoke(args=["tokens", "create", "Mei", "--label", "nightly"])
    assert re.fullmatch(r"cel_[\w-]{43}\n", result.output)
    token = tokens.find(result.output.strip(), utcnow())
    assert token
    listed = run.invoke(args=["tokens", "list"]).output
    assert listed == f"{token.id}\tmei\t{result.output[:8]}…\tnightly\tnever used\toperator\tno end\n"
    assert run.invoke(args=["tokens", "revoke", str(token.id)]).exit_code == 0
    assert run.invoke(args=["tokens", "list"]).output == ""


def test_a_token_with_a_role_and_an_end(run: FlaskCliRunner) -> None:
    run.invoke(args=["users", "create", "mei", "--role", "operator"])
    run.invoke(args=["tokens", "create", "mei", "--role", "viewer", "--days", "30"])
    (token,) = tokens.listing()
    assert (token.may, (token.expires_at - token.created_at).days) == ("viewer", 30)  # type: ignore[operator]
    assert run.invoke(args=["tokens", "create", "mei", "--days", "0"]).exit_code == 2


def test_sessions_are_listed_and_ended(run: FlaskCliRunner) -> None:
    for name in ("mei", "tom"):
        run.invoke(args=["users", "create", name, "--role", "viewer"])
    mei, tom = users.find("mei"), users.find("tom")
    for user in (mei, mei, tom):
        sessions.begin(user, sessions.LINK, utcnow(), address="10.0.0.7", agent="Firefox/1")
    lines = run.invoke(args=["users", "sessions", "mei"]).output.splitlines()
    assert [line.split("\t")[1:3] for line in lines] == [["link", "10.0.0.7"]] * 2
    first = lines[0].split("\t")[0]
    refused = run.invoke(args=["users", "sign-out", "tom", "--session", first])
    assert (refused.exit_code, "not one of tom" in refused.output) == (1, True)
    assert run.invoke(args=["users", "sign-out", "mei", "--session", first]).exit_code == 0
    assert len(sessions.listing(utcnow(), mei)) == 1
    assert "everywhere (1)" in run.invoke(args=["users", "sign-out", "mei"]).output
    assert sessions.listing(utcnow(), mei) == []
    assert len(sessions.listing(utcnow(), tom)) == 1
