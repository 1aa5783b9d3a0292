"""`/files`: what lies in the folders that tasks may use."""

from typing import Any

from flask import Flask, Response, url_for
from marshmallow import fields

from app import files
from app.api import frame
from app.api.fields import Moment, Schema
from app.clock import utcnow
from app.errors import Invalid
from app.lists.fields import Text, TrueOrFalse
from app.web import uploads
from app.web.downloads import as_attachment
from app.web.permissions import requires

bp = frame.ApiBlueprint("files", __name__, description="What tasks read and write")
_PATH = "As tasks take it: below the first folder of FILE_ROOTS, or absolute."


class MakerSchema(Schema):
    """What made a file: a run, with its task, or a user."""

    at = Moment()
    run_id = fields.String(allow_none=True)
    task_name = fields.String(allow_none=True)
    user_name = fields.String(allow_none=True)


class FileSchema(Schema):
    """A file or folder."""

    name = fields.String()
    path = fields.String(metadata={"description": _PATH})
    full_path = fields.Function(
        files.full_path, metadata={"type": "string", "description": "By which a task of the team opens it."}
    )
    is_folder = fields.Boolean()
    size = fields.Integer(metadata={"description": "Bytes."})
    changed_at = Moment()
    made_by = fields.Nested(
        MakerSchema, allow_none=True, metadata={"description": "As far as it is known; of folders null."}
    )


class FilesSchema(Schema):
    items = fields.List(fields.Nested(FileSchema), required=True, attribute="entries")
    left_out = fields.Integer(
        metadata={"description": f"Older files, where there are over {files.ENTRIES_MAX}."}
    )
    next_cursor = fields.Constant(
        None, metadata={"type": "string", "nullable": True, "description": "Always null."}
    )


class FolderQuery(Schema):
    folder = Text(load_default="", metadata={"description": "The folder; without it the first root."})
    q = Text(load_default="", metadata={"description": "A text in the name."})
    made_by = Text(load_default="", metadata={"description": "The task or user that made the file."})


class PathQuery(Schema):
    path = Text(required=True, metadata={"description": _PATH})


class UploadQuery(PathQuery):
    replace = TrueOrFalse(
        load_default=False, metadata={"description": "Whether a file of this name is replaced."}
    )


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/files")
@requires("operate")
@bp.arguments(FolderQuery, location="query")
@bp.response(200, FilesSchema)
def list_files(query: dict[str, Any]) -> files.Listing:
    """What is in a folder: folders by name, then files, the newest first"""
    return files.listing(query["folder"], query["q"], query["made_by"])


@bp.route("/files/content")
@requires("operate")
@bp.arguments(PathQuery, location="query")
@bp.response(
    200,
    {"type": "string", "format": "binary"},
    content_type="application/octet-stream",
    description="Its bytes",
)
def get_file(query: dict[str, Any]) -> Response:
    """The content of a file"""
    file, entry = files.opened(query["path"])
    return as_attachment(file, entry.name, entry.changed_at)


@bp.route("/files/content", methods=["PUT"])
@requires("operate")
@bp.arguments(UploadQuery, location="query")
@bp.bytes_body
@bp.response(201, FileSchema)
def put_file(query: dict[str, Any]) -> tuple[files.Entry, int, dict[str, str]]:
    """Upload a file: the body is its content, of at most UPLOAD_MAX_BYTES"""
    folder, slash, name = query["path"].rpartition("/")
    body = uploads.Body()
    try:
        entry = files.save(folder or slash, name, body, utcnow(), query["replace"], body.length)
    except Invalid as error:  # of what pages ask for by two fields
        raise Invalid({"path": [text for texts in error.errors.values() for text in texts]}) from None
    return entry, 201, {"Location": url_for(".get_file", path=entry.path)}


@bp.route("/files/content", methods=["DELETE"])
@requires("operate")
@bp.arguments(PathQuery, location="query")
@bp.response(204)
def delete_file(query: dict[str, Any]) -> None:
    """Delete a file"""
    files.delete(query["path"], utcnow())
