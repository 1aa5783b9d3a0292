"""The forms of accounts."""

from typing import Any

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import InputRequired, Length

from app.accounts import tokens, users
from app.web import roles

_l: Any = lazy_gettext  # WTForms shows lazy text as well as plain; its types do not say so


def choices(*pairs: tuple[str, Any]) -> list[SelectChoice]:
    """The choices of a select: value and label of each."""
    return [SelectChoice(value, label) for value, label in pairs]


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    username = StringField(_l("Username"), [InputRequired(_l("Enter your username."))])
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])
    remember = BooleanField()


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    code = StringField(_l("Code"), [InputRequired(_l("Enter a code."))])


class GuardedCodeForm(CodeForm):
    password = PasswordField(_l("Current password"), [InputRequired(_l("Enter your password."))])


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    current = PasswordField(_l("Current password"))
    password = PasswordField(_l("New password"), [InputRequired(_l("Enter the new password."))])
    again = PasswordField(_l("New password again"), [InputRequired(_l("Enter the new password once more."))])


class PreferencesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    theme = SelectField(_l("Theme"))
    locale = SelectField(_l("Language"))
    timezone = SelectField(_l("Time zone"))
    email = StringField(_l("Your e-mail address"))
    single_keys = BooleanField(_l("Single keys"))


class TokenForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    label = StringField(_l("What is it for?"), [Length(max=tokens.LABEL_MAX)])
    role = SelectField(_l("May do what"))
    days = SelectField(
        _l("Ends"),
        choices=choices(
            ("30", _l("in 30 days")),
            ("90", _l("in 90 days")),
            ("365", _l("in a year")),
            ("0", _l("no end")),
        ),
        default="90",
    )


class UserForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    name = StringField(_l("Username"), [InputRequired(_l("Enter a username.")), Length(max=users.NAME_MAX)])
    role = SelectField(
        _l("Role"),
        choices=choices(
            (roles.VIEWER, _l("Viewer: reads")),
            (roles.OPERATOR, _l("Operator: also runs, schedules, reorders, cancels")),
            (roles.ADMIN, _l("Admin: also workers, users, tokens, purge")),
        ),
        default=roles.OPERATOR,
    )
