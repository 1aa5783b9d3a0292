"""The catalog of tasks: found by itself, described, and turned into forms, schemas and checked arguments."""

from app.catalog.binding import Arguments, bind, by_name
from app.catalog.celery_objects import Ignored, ignored
from app.catalog.code_snippets import as_curl, as_python
from app.catalog.coercion import coerce
from app.catalog.discovery import ImportFailure, load, own_modules
from app.catalog.facts import OURS, in_code
from app.catalog.fields import ModelField
from app.catalog.forms import ParameterForm, build_form
from app.catalog.info import TaskInfo, matching, restrict
from app.catalog.json_text import parse_json, parse_raw, to_raw
from app.catalog.lookup import (
    app_named,
    apps_with,
    find,
    listing,
    lookup,
    meant,
    names,
    namesakes,
    told,
    version,
    whose,
)
from app.catalog.masking import hide, hide_of, mask, secrets_of
from app.catalog.parameters import NO_VALUE, Parameter
from app.catalog.queues import declare_queues
from app.catalog.reload_failures import import_failures
from app.catalog.schema import schema
from app.catalog.shapes import Kind
from app.catalog.validation import misfit, require_size, validate
from app.catalog.worker_setup import Said, ignored_configuration, name_queues, not_taken_over, setup
from celeriac_agent.secrets import MASK, is_masked, is_secret, mask_text

__all__ = [
    "MASK",
    "NO_VALUE",
    "OURS",
    "Arguments",
    "Ignored",
    "ImportFailure",
    "Kind",
    "ModelField",
    "Parameter",
    "ParameterForm",
    "Said",
    "TaskInfo",
    "app_named",
    "apps_with",
    "as_curl",
    "as_python",
    "bind",
    "build_form",
    "by_name",
    "coerce",
    "declare_queues",
    "find",
    "hide",
    "hide_of",
    "ignored",
    "ignored_configuration",
    "import_failures",
    "in_code",
    "is_masked",
    "is_secret",
    "listing",
    "load",
    "lookup",
    "mask",
    "mask_text",
    "matching",
    "meant",
    "misfit",
    "name_queues",
    "names",
    "namesakes",
    "not_taken_over",
    "own_modules",
    "parse_json",
    "parse_raw",
    "require_size",
    "restrict",
    "schema",
    "secrets_of",
    "setup",
    "to_raw",
    "told",
    "validate",
    "version",
    "whose",
]
