"""The Files page: what lies in the folders that tasks may use, to look at, to take along and to delete."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app import files
from app.catalog.parameters import Parameter
from app.config import settings
from app.errors import CeleriacError, Invalid, NotFound, TooLarge
from app.extensions import csrf
from app.web import form_drafts, uploads, viewer
from app.web.dialogs import question
from app.web.downloads import as_attachment
from app.web.htmx import go_to, wants_fragment
from app.web.navigation import Entry, register
from app.web.permissions import requires
from app.web.toasts import toast

bp = Blueprint("files", __name__, url_prefix="/files")
UPLOAD = "upload."  # how the names of what belongs to an upload begin, in a form that is about more


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    csrf.exempt(upload)  # looks at the token itself, before it takes the file
    app.add_template_global(_of_result, "files_of_result")
    app.add_template_global(_there, "files_there")
    app.add_template_global(_is_path, "is_path")
    app.add_template_global(_path_fields, "path_fields")
    app.add_template_global(lambda: settings().upload_max_bytes, "upload_max_bytes")
    register(app, Entry("files.index", _l("Files"), "folder-input", 80, right="operate"))


@bp.get("")
@requires("operate")
def index() -> str:
    texts = {name: request.args.get(name, "") for name in ("folder", "q", "made_by")}
    folder = files.listing(texts["folder"], texts["q"], texts["made_by"])
    asked = {"texts": texts, "narrowed": bool(texts["q"] or texts["made_by"])}
    return render_template("files/index.html", folder=folder, asked=asked, makers=files.maker_names())


@bp.get("/content")
@requires("operate")
def content() -> Response:
    """The file to be kept: never shown by the browser."""
    file, entry = files.opened(request.args.get("path", ""))
    return as_attachment(file, entry.name, entry.changed_at)


@bp.post("/upload")
@requires("operate")
def upload() -> Any:
    """Take in a file: from this page, or from a field of a form, which asks for JSON and gets the path.

    Without JavaScript a form is sent along as a whole, and stands on its `page` again with the path in its
    `field`.
    """
    if form_drafts.is_page(page := request.args.get("page", "")):
        return _into_form(page, request.args.get("field", ""))
    folder, for_field = request.args.get("folder", ""), request.headers.get("Accept") == "application/json"
    try:
        entry = _uploaded(folder)
    except CeleriacError as error:
        if for_field:
            return jsonify({"code": error.code, "detail": error.detail}), error.status
        if isinstance(error, TooLarge) and not wants_fragment():
            raise
        toast(_("Nothing was uploaded"), error.detail, failed=True)
    else:
        if for_field:
            return jsonify({"name": entry.name, "path": _path_for_field(entry)})
        words = _("Tasks that come along know it as %(path)s, your own as %(full)s.",
                  path=entry.path, full=files.full_path(entry))  # fmt: skip
        toast(_("%(name)s is uploaded", name=entry.name), words)
    return go_to(url_for("files.index", folder=folder or None))


def _into_form(page: str, field: str) -> AnyResponse:
    form = uploads.FileForm(later=True)
    entered = [(name, value) for name, value in form.pairs if not name.startswith(UPLOAD)]
    try:
        entry = _saved(form, "", form.fields.get(f"{UPLOAD}replace") == "true")
    except CeleriacError as error:
        toast(_("Nothing was uploaded"), error.detail, failed=True)
    else:
        path = _path_for_field(entry)
        entered = [(name, path if name == field else value) for name, value in entered]
        toast(_("%(name)s is uploaded", name=entry.name), _("Tasks know it as %(path)s.", path=path))
    return go_to(form_drafts.keep_fields(page, entered) or page)


def _path_for_field(entry: files.Entry) -> str:
    """What goes into the field: the whole path for a task that does not look into the folders of files."""
    return files.full_path(entry) if request.args.get("whole") else entry.path


def _uploaded(folder: str) -> files.Entry:
    form = uploads.FileForm()
    return _saved(form, folder, form.fields.get("replace") == "true")


def _saved(form: uploads.FileForm, folder: str, replace: bool) -> files.Entry:
    if not form.filename:
        raise Invalid({"file": [_("Choose a file.")]})
    return files.save(folder, form.filename, form, viewer.now(), replace, form.length)


@bp.get("/delete")
@requires("operate")
def ask_delete() -> str:
    file, entry = files.opened(request.args.get("path", ""))
    file.close()
    return question("files/_delete.html", _("Delete"), file=entry, back=_folder_of(entry.path))


@bp.post("/delete")
@requires("operate")
def delete() -> AnyResponse:
    path = request.args.get("path", "")
    files.delete(path, viewer.now())
    toast(_("%(name)s is deleted", name=path.rpartition("/")[2]))
    return go_to(_folder_of(path))


def _folder_of(path: str) -> str:
    return url_for("files.index", folder=path.rpartition("/")[0] or None)


def _of_result(result: Any) -> list[files.Entry]:
    """The files that a result names, for whoever may have them."""
    return files.named_in(result) if current_user.can("operate") else []


def _there(whole: bool) -> list[str]:
    """What a form offers for a path, for whoever may see it; whole paths for a task of the team's own."""
    try:
        entries = files.listing().entries if current_user.can("operate") else []
    except NotFound:  # it cannot be read, which the Files page says; the form can do without
        return []
    return [files.full_path(entry) if whole else entry.path for entry in entries]


def _path_fields(drawn: Iterable[Any]) -> list[Any]:
    """The fields that take a path, also of models, for whoever may upload."""
    found: list[Any] = []
    for field in drawn:
        if field.control == "model":
            found += _path_fields(field.parts)
        elif field.control == "text" and _is_path(field.parameter):
            found.append(field)
    return found


def _is_path(parameter: Parameter) -> bool:
    """Whether a parameter takes a path, for whoever may see what is there."""
    core = parameter.shape.core
    return isinstance(core, type) and issubclass(core, PurePath) and current_user.can("operate")
