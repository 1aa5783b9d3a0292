"""The pages of tasks, and the form that runs one."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import broker, catalog, runs
from app.catalog import ImportFailure, published
from app.runs.models import Run

SignedIn = Callable[[str], FlaskClient]
Post = Callable[..., TestResponse]
RESIZE = "/tasks/sample_tasks.resize"


def only_run() -> Run:
    (run,) = runs.page(runs.RunFilter()).items
    return run


def test_every_task_is_listed(app: Flask, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/tasks").text
    for info in catalog.listing():
        assert f'href="/tasks/{info.name}"' in page


@pytest.mark.parametrize(
    ("text", "found"), [("resize sample", True), ("every image of a folder", True), ("nope", False)]
)
def test_tasks_can_be_searched(app: Flask, signed_in: SignedIn, text: str, found: bool) -> None:
    page = signed_in("viewer").get("/tasks", query_string={"q": text}).text
    assert (f'href="{RESIZE}"' in page) is found
    assert 'href="/tasks/sample_tasks.weekday"' not in page
    assert f'value="{text}"' in page


def test_a_module_that_cannot_be_imported_is_shown(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, publish_tasks: Callable[[], str]
) -> None:
    failure = ImportFailure("team.jobs", "ModuleNotFoundError: No module named 'x'", "Traceback …")
    monkeypatch.setitem(app.extensions["own_tasks"], "failures", [failure])
    publish_tasks()
    page = signed_in("viewer").get("/tasks").text
    assert "team.jobs" in page
    assert "No module named" in page


def test_ones_own_tasks_come_before_the_library_and_its_examples_last(signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/tasks").text
    titles = re.findall(r'<h2 id="group-\d+" translate="no">([^<]+)', page)
    assert titles.index("sample_tasks") < titles.index("files") < titles.index("examples")
    assert titles[-1] == "examples"


def test_every_task_has_a_page_with_a_form(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for info in catalog.listing():
        page = browser.get(f"/tasks/{info.name}").text
        for parameter in info.parameters:
            named = (f'name="p-{parameter.name}"', f'name="p-{parameter.name}.')
            assert any(name in page for name in named), info.name
        assert "Fix " not in page  # nothing is wrong before anything was entered


def test_running_a_task_leads_to_its_run(app: Flask, signed_in: SignedIn, post: Post) -> None:
    answer = post(signed_in("operator", "mei"), f"{RESIZE}/run", {"p-folder": "photos", "p-width": "640"})  # type: ignore[call-arg]
    run = only_run()
    assert (answer.status_code, answer.location) == (303, f"/runs/{run.id}")
    assert (run.kwargs, run.requested_by, run.queue, run.priority) == (
        {"folder": "photos", "width": 640},
        "mei",
        "default",
        5,
    )
    assert broker.depth("default") == 1


def test_queue_and_priority_are_chosen(app: Flask, signed_in: SignedIn, post: Post) -> None:
    post(signed_in("operator"), f"{RESIZE}/run", {"p-folder": "a", "queue": "files", "priority": "9"})
    run = only_run()
    assert (run.queue, run.priority) == ("files", 9)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"p-folder": ""}, "folder"),
        ({"p-folder": "a", "p-width": "wide"}, "width"),
        ({"p-folder": "a", "p-width": "8001"}, "width"),
        ({"p-folder": "a", "p-width": "1e3"}, "width"),
        ({"p-folder": "a", "p-fmt": "gif"}, "fmt"),
        ({"p-folder": "a", "queue": "no-such"}, "queue"),
        ({"p-folder": "a", "priority": "10"}, "priority"),
        ({"p-folder": "a", "priority": "high"}, "priority"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    app: Flask, signed_in: SignedIn, post: Post, data: dict[str, str], field: str
) -> None:
    answer = post(signed_in("operator"), f"{RESIZE}/run", data)
    assert answer.status_code == 422
    assert "Fix 1 problem first" in answer.text
    assert field in answer.text[answer.text.index("Fix 1 problem") :]
    for name in ("p-folder", "p-width"):
        if data.get(name):
            assert re.search(rf'name="{name}"[^>]*value="{data[name]}"', answer.text)
    assert runs.page(runs.RunFilter()).items == []
    assert broker.depth("default") == 0


@pytest.mark.parametrize("body", [b"p-folder=%ff%fe", b"mode=raw&raw=%5B%22%ff%22%5D"])
def test_a_wrong_encoding_is_refused(app: Flask, signed_in: SignedIn, body: bytes) -> None:
    browser = signed_in("operator")
    token = re.search(r'"X-CSRFToken": "([^"]+)"', browser.get("/tasks").text)
    assert token
    headers = {"X-CSRFToken": token[1], "Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.post(f"{RESIZE}/run", data=body, headers=headers)
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    assert runs.page(runs.RunFilter()).items == []


def test_htmx_gets_the_form_alone(app: Flask, signed_in: SignedIn, post: Post) -> None:
    answer = post(signed_in("operator"), f"{RESIZE}/run", {"p-width": "x"}, htmx=True)
    assert answer.status_code == 422
    assert "<html" not in answer.text
    assert answer.text.count('id="run-form"') == 1
    assert "2 problems" in answer.text
    fine = post(signed_in("operator"), f"{RESIZE}/run", {"p-folder": "a"}, htmx=True)
    assert fine.status_code == 204
    assert fine.headers["HX-Redirect"] == f"/runs/{only_run().id}"


@pytest.mark.parametrize(
    ("raw", "kwargs"),
    [
        ('{"folder": "a", "width": 20}', {"folder": "a", "width": 20}),
        ('["a", 20]', {"folder": "a", "width": 20}),
    ],
)
def test_raw_json_is_taken_too(
    app: Flask, signed_in: SignedIn, post: Post, raw: str, kwargs: dict[str, object]
) -> None:
    assert post(signed_in("operator"), f"{RESIZE}/run", {"mode": "raw", "raw": raw}).status_code == 303
    run = only_run()
    names = ["folder", "width", "fmt"]
    assert dict(zip(names, run.args or [], strict=False)) | (run.kwargs or {}) == kwargs


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('{"folder": "a" "width": 2}', "Line 1, column 16"),
        ('{"folder": NaN}', "NaN"),
        ('"a"', "object"),
        ('{"folder": "a", "colour": 1}', "colour"),
        ('{"folder": 3}', "folder"),
        ("[]", "folder"),
        ("", "folder"),
    ],
)
def test_wrong_json_is_explained_and_stays(
    app: Flask, signed_in: SignedIn, post: Post, raw: str, said: str
) -> None:
    answer = post(signed_in("operator"), f"{RESIZE}/run", {"mode": "raw", "raw": raw})
    assert answer.status_code == 422
    assert said in answer.text[answer.text.index("problem") :]
    assert raw.replace('"', "&#34;") in answer.text
    assert runs.page(runs.RunFilter()).items == []


def test_the_other_tab_holds_what_was_entered(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    as_json = post(browser, f"{RESIZE}/form", {"p-folder": "a", "p-width": "20"}, htmx=True).text
    held = re.search(r'id="raw"[^>]*>([^<]*)<', as_json)
    assert held
    assert json.loads(held[1].replace("&#34;", '"')) == {"folder": "a", "width": 20}
    back = post(browser, f"{RESIZE}/form", {"mode": "raw", "raw": '{"folder": "b"}'}, htmx=True).text
    assert re.search(r'name="p-folder"[^>]*value="b"', back)
    unreadable = post(browser, f"{RESIZE}/form", {"mode": "raw", "raw": "{"}, htmx=True)
    assert unreadable.status_code == 422
    assert 'id="raw"' in unreadable.text


def test_the_same_as_code_follows_the_form(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    answer = post(browser, f"{RESIZE}/same-as", {"p-folder": "a", "queue": "mail"}, htmx=True).text
    assert "resize.apply_async(" in answer
    assert "mail" in answer
    assert "apply_async" not in post(browser, f"{RESIZE}/same-as", {"p-width": "x"}, htmx=True).text


def test_earlier_arguments_fill_the_form(app: Flask, signed_in: SignedIn, post: Post) -> None:
    request = runs.RunRequest("sample_tasks.resize", kwargs={"folder": "photos", "width": 321})
    old = runs.submit(request, datetime.now(UTC))
    browser = signed_in("operator")
    assert f"run={old.id}" in browser.get(RESIZE).text  # one click
    page = browser.get(f"{RESIZE}?rerun={old.id}").text
    assert re.search(r'name="p-width"[^>]*value="321"', page)
    assert f'name="rerun_of" value="{old.id}"' in page
    answer = post(browser, f"{RESIZE}/run", {"p-folder": "b", "rerun_of": old.id})
    assert runs.get(answer.location.rsplit("/", 1)[1]).rerun_of == old.id


def test_arguments_of_a_run_that_is_gone_leave_the_form_empty(app: Flask, signed_in: SignedIn) -> None:
    assert signed_in("operator").get(f"{RESIZE}?rerun=gone").status_code == 200


def test_a_rerun_of_a_run_that_is_gone_is_refused(app: Flask, signed_in: SignedIn, post: Post) -> None:
    answer = post(signed_in("operator"), f"{RESIZE}/run", {"p-folder": "b", "rerun_of": "gone"})
    assert answer.status_code == 404


def test_a_viewer_sees_the_task_but_no_form(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("viewer")
    page = browser.get(RESIZE).text
    assert "may look but not run" in page
    assert 'name="p-folder"' not in page
    assert post(browser, f"{RESIZE}/run", {"p-folder": "a"}).status_code == 403
    assert runs.page(runs.RunFilter()).items == []


@pytest.mark.parametrize("path", ["/tasks/none.such", "/tasks/celery.chord"])
def test_an_unknown_task_is_not_found(app: Flask, signed_in: SignedIn, post: Post, path: str) -> None:
    browser = signed_in("operator")
    assert browser.get(path).status_code == 404
    assert post(browser, f"{path}/run").status_code == 404


@pytest.mark.parametrize("path", [f"{RESIZE}/run", f"{RESIZE}/same-as", f"{RESIZE}/form"])
def test_forms_are_posted(app: Flask, signed_in: SignedIn, path: str) -> None:
    """Their address leads to the page: it stands in the browser when a form was refused."""
    answer = signed_in("operator").get(path)
    assert (answer.status_code, answer.location) == (302, RESIZE)


def test_very_many_tasks_come_in_pages_that_keep_order_and_search(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [{"name": f"big.t{number}", "fingerprint": "f"} for number in range(1, 6)]
    published.take_in("big", "d", {"v": 1, "tasks": told}, datetime(2026, 10, 19, tzinfo=UTC))
    published.forget_what_was_read()
    monkeypatch.setattr("app.pages.tasks.PAGE_SIZE", 2)
    client, shown, address = signed_in("viewer"), [], "/tasks?q=big."
    while address:
        page = client.get(address).text
        assert re.search(r'>App big</h2>\s*<span class="note">5</span>', page)
        shown += re.findall(r'class="mono" translate="no" href="[^"]+">(big\.\w+)<', page)
        next_page = re.search(r'rel="next" href="([^"]+)"', page)
        address = html.unescape(next_page[1]) if next_page else ""
    assert shown == [task["name"] for task in told]
    assert client.get("/tasks?cursor=x").status_code == client.get("/runs?cursor=x").status_code
