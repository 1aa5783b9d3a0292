"""The catalog of tasks: found by itself, described, and turned into forms, schemas and checked arguments."""

from app.catalog.binding import Arguments, by_name
from app.catalog.celery_objects import Ignored, ignored
from app.catalog.code_snippets import as_curl, as_python
from app.catalog.coercion import coerce
from app.catalog.discovery import ImportFailure, load, own_modules
from app.catalog.facts import in_code
from app.catalog.fields import ModelField
from app.catalog.forms import ParameterForm, build_form
from app.catalog.info import TaskInfo, matching, restrict
from app.catalog.json_text import parse_json, parse_raw, to_raw
from app.catalog.lookup import find, listing, lookup, namesakes
from app.catalog.masking import hide, mask, secrets_of
from app.catalog.own import own, own_listing
from app.catalog.parameters import NO_VALUE, Parameter
from app.catalog.queues import declare_queues
from app.catalog.schema import schema
from app.catalog.shapes import Kind
from app.catalog.validation import require_size, validate
from celeriac_agent.secrets import MASK, is_masked, is_secret, mask_text

__all__ = [
    "MASK",
    "NO_VALUE",
    "Arguments",
    "Ignored",
    "ImportFailure",
    "Kind",
    "ModelField",
    "Parameter",
    "ParameterForm",
    "TaskInfo",
    "as_curl",
    "as_python",
    "build_form",
    "by_name",
    "coerce",
    "declare_queues",
    "find",
    "hide",
    "ignored",
    "in_code",
    "is_masked",
    "is_secret",
    "listing",
    "load",
    "lookup",
    "mask",
    "mask_text",
    "matching",
    "namesakes",
    "own",
    "own_listing",
    "own_modules",
    "parse_json",
    "parse_raw",
    "require_size",
    "restrict",
    "schema",
    "secrets_of",
    "to_raw",
    "validate",
]
