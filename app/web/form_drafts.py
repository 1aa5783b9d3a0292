"""What was typed into a form that could not be taken is in its page again, also without JavaScript.

It lies in Redis for a while, sealed with a key that only the browser has, and is shown to nobody but who
typed it; static/typed.js does the same by itself, without asking.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, redirect, request
from flask_babel import gettext as _
from flask_login import current_user
from redis import RedisError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app import broker
from app.web.htmx import path_here, wants_fragment
from app.web.toasts import toast

FORM_FIELDS = ("csrf_token", "form_key")  # what a form says beside what it is about
COOKIE = "typed"
KEPT_SECONDS = 1800
LARGEST = 64 * 1024
OFTEN = "20/minute"  # from one address: nobody has signed in yet
_PREFIX = "celeriac:typed:"
_CHOOSES_FIELDS = ("task_name", "kind")  # which fields a form has depends on these; its address takes them


def keep(address: str | None) -> str | None:
    """Keep the form of this request for the page at `address`, which is asked for next; where that is.

    A form that was refused stands at an address that only takes forms: then it is the page above.
    """
    page = next((path for path in _candidates(address) if is_page(path)), None)
    if request.mimetype != "application/x-www-form-urlencoded":
        return page  # with a file, which nobody keeps
    return keep_fields(page, list(request.form.items(multi=True)))


def keep_fields(page: str | None, typed: Sequence[tuple[str, str]]) -> str | None:
    """Keep what was typed into the form of this request for the page that is asked for next; returns it."""
    fields = [(name, value) for name, value in typed if name not in FORM_FIELDS]
    user_id = _typed_by()
    kept = json.dumps({"page": page, "form": path_here(), "fields": fields, "user": user_id})
    if page is None or not fields or not user_id or len(kept) > LARGEST:
        return page
    from cryptography.fernet import Fernet  # takes long, and hardly any request needs these
    from limits import parse

    from app.web.limits import limiter

    name, key = secrets.token_urlsafe(12), Fernet.generate_key()
    try:
        if not limiter.limiter.hit(parse(OFTEN), "typed", request.remote_addr or ""):
            return page
        broker.client().set(_PREFIX + name, Fernet(key).encrypt(kept.encode()), ex=KEPT_SECONDS)
    except RedisError:
        current_app.logger.warning("Redis does not answer: what was typed is kept by the browser alone")
        return page
    g.typed_cookie = f"{name}.{key.decode()}"
    return page


def form_key() -> str:
    """A new key of a form; its end says for whom the form was drawn, also once they are signed out."""
    return f"{secrets.token_urlsafe(16)}-{current_user.get_id() or ''}"


def _typed_by() -> str:
    """The id of who typed the form of this request; empty when the form does not say."""
    if current_user.is_authenticated:
        return str(current_user.get_id())
    return (request.form.getlist("form_key") or [""])[-1].rpartition("-")[2]


def _candidates(address: str | None) -> Iterator[str]:
    paths = [path for path in (address, path_here()) if path]
    yield from paths
    for path in paths:
        yield path.partition("?")[0].rpartition("/")[0] or "/"


def is_page(address: str) -> bool:
    """Whether an address of ours shows a page."""
    path, _mark, query = address.partition("?")
    try:
        endpoint, _args = current_app.url_map.bind("").match(
            path.removeprefix(request.script_root), "GET", query_args=query
        )
    except HTTPException:
        return False
    return not hasattr(current_app.view_functions[endpoint], "leads_on")


def leads_on(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view that only leads to another page."""
    view.leads_on = True  # type: ignore[attr-defined]
    return view


def _find() -> AnyResponse | None:
    """Before a page is drawn: what was kept for it. Its address says more where its fields depend on that."""
    name, _mark, key = request.cookies.get(COOKIE, "").partition(".")
    if not key or request.method != "GET" or wants_fragment() or not current_user.is_authenticated:
        return None
    from cryptography.fernet import Fernet, InvalidToken

    try:
        sealed: Any = broker.client().get(_PREFIX + name)
        kept: dict[str, Any] = json.loads(Fernet(key).decrypt(sealed or b""))
        if kept["user"] != current_user.get_id():
            broker.client().delete(_PREFIX + name)
            return None
        if kept["page"].partition("?")[0] != path_here():
            return None
        given = {name: value for name, value in kept["fields"] if name in _CHOOSES_FIELDS and value}
        if not given.keys() <= request.args.keys():
            return redirect(f"{path_here()}?{urlencode(request.args.to_dict() | given)}")
        broker.client().delete(_PREFIX + name)
    except (RedisError, InvalidToken, ValueError):
        return None
    g.typed = kept
    toast(_("What you typed is here again"), _("It was not sent. Secrets are not kept."))
    return None


def _fill(response: Response) -> Response:
    """Fill the form of the page with what was kept for it, and set the cookie of what is kept now."""
    cookie, kept = g.pop("typed_cookie", None), g.pop("typed", None)
    if cookie:
        response.set_cookie(
            COOKIE, cookie, max_age=KEPT_SECONDS, samesite="Lax", secure=request.is_secure, httponly=True
        )
    elif kept:
        response.set_data(filled(response.get_data(as_text=True), kept["form"], kept["fields"]))
        response.delete_cookie(COOKIE)
    return response


def filled(page: str, form_path: str, fields: list[tuple[str, str]]) -> str:
    """The page with these values in the form that is sent to `form_path`; fields that hold secrets stay."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    form = next((form for form in soup.find_all("form") if form_path in _addresses(form)), None)
    if form is None:
        return page
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    of_form = [*form.find_all(["input", "textarea", "select"])]
    if form.get("id"):
        of_form += soup.find_all(["input", "textarea", "select"], form=form["id"])
    for field in of_form:
        given = values.get(str(field.get("name")))
        if given is None and field.get("type") not in ("checkbox", "radio"):
            continue
        if field.get("type") in ("hidden", "password", "file", "submit") or field.has_attr("data-secret"):
            continue
        _put(field, given or [])
    return str(soup)


def _addresses(form: Any) -> set[str]:
    buttons = [form.get("action"), *(button["formaction"] for button in form.find_all(formaction=True))]
    return {str(address).partition("?")[0] for address in buttons}


def _put(field: Any, given: list[str]) -> None:
    """The value, ticks or choice of one field; of several with one name each takes the next value."""
    if field.get("type") in ("checkbox", "radio"):
        field.attrs.pop("checked", None)
        if str(field.get("value", "on")) in given:
            field["checked"] = ""
    elif field.name == "select":
        for option in field.find_all("option"):
            option.attrs.pop("selected", None)
            if str(option.get("value", option.get_text(strip=True))) in given:
                option["selected"] = ""
    elif not given:
        return
    elif field.name == "textarea":
        field.string = given.pop(0) if len(given) > 1 else given[0]
    else:
        field["value"] = given.pop(0) if len(given) > 1 else given[0]


def init_app(app: Flask) -> None:
    app.before_request(_find)
    app.after_request(_fill)
