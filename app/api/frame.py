"""The frame of the REST API: blueprints with strict input, one OpenAPI document, its page."""

from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from threading import RLock
from typing import Any
from urllib.parse import unquote_to_bytes

import marshmallow as ma
from flask import Blueprint, Flask, Request, Response, abort, jsonify, render_template, request
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_smorest import Api
from flask_smorest import Blueprint as SmorestBlueprint
from flask_smorest.utils import prepare_response
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app import catalog
from app.api.fields import Moment, Problem, QueryMoment, Schema
from app.config import settings
from app.errors import CeleriacError, Invalid
from app.extensions import csrf
from app.web import access, problems
from app.web.limits import limiter

View = Callable[..., Any]
Decorator = Callable[[View], View]

PREFIX = "/api/v1"
VERSION = "1"
LARGEST_INTEGER = 2**63 - 1

bp = Blueprint("api", __name__, url_prefix=PREFIX)


class MalformedJSON(CeleriacError):
    """The body cannot be read as JSON in UTF-8 (400)."""

    status = 400
    code = "malformed-json"


class StrictParser(FlaskParser):
    """Reads a request's fields: nothing is guessed, and what is not known is refused by name."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {
        "query": ma.RAISE,
        "body_or_query": ma.RAISE,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body's object; an empty body is an empty object."""
        body = req.get_data(cache=True)
        if not body:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType
        try:
            value = catalog.parse_json(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise MalformedJSON(_("The body is not UTF-8: see byte %(n)s.", n=error.start + 1)) from None
        except ValueError as error:
            raise MalformedJSON(str(error)) from None
        if not isinstance(value, dict):
            raise Invalid({"body": [_("The body must be a JSON object.")]})
        return value

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query's fields; one that is given twice must be a list."""
        try:
            unquote_to_bytes(req.query_string).decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest from None
        for name, values in req.args.lists():
            if (
                len(values) > 1
                and name in schema.fields
                and not isinstance(schema.fields[name], ma.fields.List)
            ):
                raise Invalid({name: [_("This is given more than once.")]})
        return super().load_querystring(req, schema)

    def load_body_or_query(self, req: Request, schema: ma.Schema) -> Any:
        """The body's fields if there is a body, else the query's."""
        return self.load_json(req, schema) if req.get_data(cache=True) else self.load_querystring(req, schema)

    def handle_error(self, error: ma.ValidationError, *_: Any, **__: Any) -> Any:
        """Tell what is wrong by field; raises `Invalid`."""
        by_place: Mapping[str, Any] = error.messages_dict
        raise Invalid(
            {name: texts for messages in by_place.values() for name, texts in _flat(messages).items()}
        )


StrictParser.__location_map__ = FlaskParser.__location_map__ | {"body_or_query": "load_body_or_query"}


class ApiBlueprint(SmorestBlueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A group of API calls under `/api/v1`; each names its right with `requires` right below its route."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, import_name: str, description: str, tag: str = "") -> None:
        super().__init__(f"{name}_api", import_name, url_prefix=PREFIX, description=description)
        self.tag = tag or name

    def route(self, rule: str, **options: Any) -> Decorator:
        """As flask-smorest's."""
        decorate: Decorator = super().route(rule, **options)
        return decorate

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Decorator:
        """As flask-smorest's."""
        decorate: Decorator = super().response(status_code, schema, **options)
        return decorate

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Decorator:
        """As flask-smorest's; `body_or_query` is documented as the query."""
        decorate: Decorator = super().arguments(schema, location=location, **options)
        if location != "body_or_query":
            return decorate

        def documented(view: View) -> View:
            wrapper = decorate(view)
            vars(wrapper)["_apidoc"]["arguments"]["parameters"][-1]["in"] = "query"
            return wrapper

        return documented

    def bytes_body(self, view: View) -> View:
        """Say that the body of the call is bytes, whatever they are."""
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        documented: View = self.doc(requestBody={"content": content})(view)
        return documented

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """Also limit how often the call may be made, by token or else by address; refuse unknown fields."""
        checked = view_func if _takes_query(view_func) else _without_query(view_func)
        limited = limiter.shared_limit(_rate, scope="api", key_func=_caller)(checked)
        named = self.doc(operationId=view_func.__name__)(limited)
        super().add_url_rule(rule, endpoint, named, *args, **options | {"tags": [self.tag]})


class RestApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest with errors as problem documents, which `app.web.errors` answers.

    Calls are added to the OpenAPI document when it is asked for: that is a sixth of a web process's start.
    """

    ERROR_SCHEMA = Problem

    def __init__(self) -> None:
        self._undocumented: list[ApiBlueprint] = []
        self._documenting = RLock()
        super().__init__()

    def init_app(self, app: Flask, **options: Any) -> None:
        """As flask-smorest's."""
        self._undocumented.clear()
        super().init_app(app, **options)

    def register_blueprint(self, blueprint: ApiBlueprint) -> None:
        """Add the calls of a blueprint to the app and, later, to the OpenAPI document."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._undocumented.append(blueprint)

    @property
    def spec(self) -> Any:
        """The OpenAPI document as apispec has it."""
        if self._undocumented:
            with self._documenting:
                while self._undocumented:
                    self._add_to_document(self._undocumented[0])
                    del self._undocumented[:1]
        return self._spec

    @spec.setter
    def spec(self, made: Any) -> None:
        self._spec = made

    def _add_to_document(self, blueprint: ApiBlueprint) -> None:
        blueprint.register_views_in_doc(self, self._app, self._spec, name=blueprint.name, parameters=None)
        if blueprint.name == f"{blueprint.tag}_api":  # not one that adds calls to another's
            self._spec.tag({"name": blueprint.tag, "description": blueprint.description})

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        for name, description in [(s.name, s.phrase) for s in HTTPStatus] + [("DEFAULT_ERROR", "A problem")]:
            response: dict[str, Any] = {"description": description, "schema": self.ERROR_SCHEMA}
            prepare_response(response, self.spec, problems.CONTENT_TYPE)
            self.spec.components.response(name, response, lazy=True)


rest = RestApi()
for moment in (Moment, QueryMoment):
    rest.register_field(moment, "string", "date-time")


def register(blueprint: ApiBlueprint) -> None:
    """Add a blueprint of calls; after `init_app`."""
    csrf.exempt(blueprint)  # a change needs a token, which no browser sends by itself
    rest.register_blueprint(blueprint)


@bp.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI document; it needs no sign-in, and is the same everywhere but for a proxy's prefix."""
    below = {"servers": [{"url": request.script_root}]} if request.script_root else {}
    return jsonify(rest.spec.to_dict() | below)


@bp.get("/docs")
def docs() -> str:
    """The OpenAPI document as a page."""
    return render_template("api/docs.html")


def init_app(app: Flask) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=app.config["SETTINGS"].request_max_bytes,
        API_TITLE="Celeriac",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": "Run, watch and repair Celery tasks. Every call needs a token."},
            "security": [{"bearer": []}],
        },
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields stand in the order of the schema
    rest.init_app(app)
    rest.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    app.register_blueprint(bp)
    app.before_request(_refuse_impossible)
    app.after_request(_keep_nothing)


def _takes_query(view: View) -> bool:
    arguments = vars(view).get("_apidoc", {}).get("arguments", {})
    return any(parameter["in"] == "query" for parameter in arguments.get("parameters", ()))


def _without_query(view: View) -> View:
    """A call that takes no query: each field of one is refused by name."""

    @wraps(view)
    def strict(*args: Any, **kwargs: Any) -> Any:
        if request.args and current_user.is_authenticated:
            unknown = str(Schema.error_messages["unknown"])
            raise Invalid({name: [unknown] for name in request.args})
        return view(*args, **kwargs)

    return strict


def _refuse_impossible() -> None:
    """What no database can even compare with: NUL in text (PostgreSQL), a number of over 64 bits (SQLite)."""
    numbers = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    if "\x00" in request.path or any(value > LARGEST_INTEGER for value in numbers):
        abort(404)
    if b"%00" in request.query_string or b"\x00" in request.query_string:
        abort(400)


def _keep_nothing(response: Response) -> Response:
    """An answer of the API is for who asked, at this moment."""
    if access.is_api():
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _rate() -> str:
    return settings().api_rate_limit


def _caller() -> str:
    token = access.bearer_token()
    if token and current_user.is_authenticated:
        return sha256(token.encode()).hexdigest()
    return get_remote_address()


def _flat(messages: Mapping[Any, Any] | list[Any]) -> dict[str, list[str]]:
    """Messages by field (`filter.queue`); those about an item of a list belong to the list."""
    if not isinstance(messages, Mapping):
        return {"body": [str(message) for message in messages]}
    flat: dict[str, list[str]] = {}
    for name, inner in messages.items():
        field = "body" if name == "_schema" else str(name)
        if _is_of_object(inner):
            flat |= {f"{field}.{below}".removesuffix(".body"): texts for below, texts in _flat(inner).items()}
        else:
            flat[field] = list(dict.fromkeys(_texts(inner)))
    return flat


def _is_of_object(messages: Any) -> bool:
    """Whether these are about the fields of an object within, not about the items of a list or a mapping."""
    return isinstance(messages, Mapping) and all(
        isinstance(name, str) and (isinstance(inner, list) or all(isinstance(key, int) for key in inner))
        for name, inner in messages.items()
    )


def _texts(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [text for inner in messages.values() for text in _texts(inner)]
    return [str(message) for message in messages]
