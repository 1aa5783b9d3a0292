"""What all pages share: frame, words, live fragments, errors and security headers."""

from flask import Flask

from app.extensions import babel
from app.web import (
    assets,
    compression,
    errors,
    filters,
    form_drafts,
    idempotency,
    navigation,
    rules,
    security,
    static_parts,
    titles,
    uploads,
    viewer,
    white_space,
)


def init_app(app: Flask) -> None:
    """Add what the pages share to the app."""
    babel.init_app(
        app,
        default_translation_directories="app/translations",
        locale_selector=viewer.locale,
        timezone_selector=viewer.zone,
    )
    for part in (
        rules,
        compression,
        white_space,
        viewer,
        filters,
        assets,
        static_parts,
        navigation,
        titles,
        idempotency,
        form_drafts,
        uploads,
        security,
        errors,
    ):
        part.init_app(app)
