"""The OpenAPI document says what the API does, and the API does what it says."""

import re
from collections import Counter
from collections.abc import Iterable
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings

from app import create_app
from app.api.frame import rest


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").json
    return found


def test_every_route_is_in_the_document(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint not in ("api.openapi", "api.docs")
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    documented = {
        (path, method)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert documented == served


def test_every_call_is_described(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, call in item.items():
            if method != "parameters":
                assert call["summary"], (path, method)
                assert call["operationId"]
                assert call["tags"] == [path.split("/")[3]]


def test_the_document_has_no_loose_ends(document: dict[str, Any]) -> None:
    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                target: Any = document
                for step in part["$ref"].removeprefix("#/").split("/"):
                    target = target[step]
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(document)
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
    problems = document["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(problems) == ["application/problem+json"]


def test_a_second_app_makes_the_same_document(app: Flask, document: dict[str, Any]) -> None:
    create_app(app.config["SETTINGS"])
    assert rest.spec.to_dict() == document


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_generated_calls_never_fail(app: Flask, caller: Any, mode: str) -> None:
    """Calls made up from the document, right ones and wrong ones, as an admin: none may answer 500."""
    # Imported here: it takes a second in each of pytest's workers; both modes run in the same.
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

    def served(environ: Any, start_response: Any) -> Iterable[bytes]:
        return Context().run(app, environ, start_response)  # what is known of one call's user ends with it

    checks = [not_a_server_error, content_type_conformance, response_schema_conformance]
    statuses: Counter[int] = Counter()
    operations = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", served).get_all_operations()
    examples = max(1, settings().max_examples // 20)
    admin = caller("admin")
    for result in operations:

        @given(case=result.ok().as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
        def call(case: schemathesis.Case) -> None:
            nonlocal admin
            if re.match(r"/api/v1/(users|tokens|sessions|me)\b", case.operation.path):
                admin = caller("admin")  # somebody new: a made-up call may end its own user's token
            headers = {"Authorization": f"Bearer {admin.secret}", "Accept-Encoding": "identity"}
            case.headers = {**(case.headers or {}), **headers}
            answer = case.call_and_validate(checks=checks)
            statuses[answer.status_code] += 1

        call()
    assert statuses.total() > 90
    assert 401 not in statuses
    assert (200 if mode == "positive" else 422) in statuses
