"""Signing in by an OpenID Connect provider. Off unless `CELERIAC_OIDC_ISSUER` names one."""

from typing import TYPE_CHECKING, Any, cast

from flask import abort, current_app, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app import broker, config
from app.accounts import sessions, sso, users
from app.accounts.models import User
from app.clock import utcnow
from app.errors import Forbidden
from app.pages.accounts.forms import SignInForm
from app.pages.accounts.sign_in import PER_ADDRESS, bp, enter, next_page, was_refused
from app.web.htmx import safe_return
from app.web.limits import limiter

if TYPE_CHECKING:
    from authlib.integrations.flask_client import FlaskOAuth2App

TIMEOUT_SECONDS = 10
ANSWER_SECONDS = 600  # an answer that was signed longer ago is an old one
LEEWAY_SECONDS = 60  # that two clocks may differ
# Signed with a key of the provider's own; never "none", or with a secret that both have.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_NEXT = "oidc_next"

__all__ = ["bp"]  # the blueprint of signing in, with the routes below added


@bp.get("/login/oidc")
def ask_provider() -> Any:
    if current_user.is_authenticated:
        return redirect(next_page())
    provider = _provider()
    session[_NEXT] = next_page()
    back = config.settings().base_url.rstrip("/") + url_for(".take_answer")
    try:
        return provider.authorize_redirect(back)
    except (OSError, ValueError, RuntimeError) as error:
        current_app.logger.warning("the OpenID Connect provider cannot be asked: %s", error)
        return _not_signed_in(
            _("The provider of single sign-on does not answer. Try again in a moment."), 503
        )


@bp.get("/login/oidc/answer")
@limiter.limit(PER_ADDRESS, deduct_when=was_refused)
def take_answer() -> Any:
    """The browser comes back from the provider. An answer counts once, for who asked, and while it is new."""
    provider = _provider()
    after = safe_return(session.get(_NEXT), url_for("overview.index"))
    try:
        claims = _claims(provider)
        user = _admitted(claims)
    except OSError as error:  # of requests, which takes long to import
        current_app.logger.warning("the OpenID Connect provider does not answer: %s", error)
        return _not_signed_in(
            _("The provider of single sign-on does not answer. Try again in a moment."), 503
        )
    except Forbidden as error:
        return _not_signed_in(error.detail, 401)
    users.note_sign_in(user, utcnow(), sessions.OIDC)
    enter(user, sessions.OIDC)
    return redirect(after, 303)


def _claims(provider: "FlaskOAuth2App") -> dict[str, Any]:
    """What the provider says of who is there; raises `Forbidden` for an answer that must not be believed."""
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    given = config.settings()
    if f"_state_oidc_{request.args.get('state', '')}" not in session:  # Authlib would use up the other's
        raise _refused("state: this browser did not ask")
    wanted = {
        "iss": {"essential": True, "values": [given.oidc_issuer]},
        "aud": {"essential": True, "values": [given.oidc_client_id]},
    }
    try:
        metadata = provider.load_server_metadata()
        known = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            algorithm for algorithm in ALGORITHMS if algorithm in known
        ]
        token = provider.authorize_access_token(claims_options=wanted, leeway=LEEWAY_SECONDS)
        claims = dict(token.get("userinfo") or {})
        if not claims.get("sub"):
            raise _refused("no id_token")
        if utcnow().timestamp() - claims["iat"] > ANSWER_SECONDS:
            raise _refused("iat is too old")
        missing = {given.oidc_user_claim, given.oidc_groups_claim} - claims.keys()
        if missing and metadata.get("userinfo_endpoint"):
            more = provider.userinfo(token=token)
            if more.get("sub") != claims["sub"]:
                raise _refused("userinfo is of somebody else")
            claims = dict(more) | claims
    except (OAuthError, JoseError, ValueError, TypeError, KeyError) as error:
        current_app.logger.warning("an answer of the OpenID Connect provider is refused: %r", error)
        raise _refused(f"{type(error).__name__}: {error}"[:200]) from None
    return claims


def _admitted(claims: dict[str, Any]) -> User:
    given = config.settings()
    name, groups = claims.get(given.oidc_user_claim), claims.get(given.oidc_groups_claim)
    if not isinstance(name, str) or not name:
        raise _refused(f"no claim {given.oidc_user_claim}")
    listed = groups if isinstance(groups, list) else [groups]
    subject = f"{given.oidc_issuer} {claims['sub']}"
    verified = claims.get("email_verified", True) in (True, "true")
    email = claims.get("email") if verified else ""
    return sso.admit(
        name,
        [str(group) for group in listed],
        sessions.OIDC,
        utcnow(),
        subject,
        email if isinstance(email, str) else "",
    )


def _refused(why: str) -> Forbidden:
    sso.refused("", sessions.OIDC, utcnow(), why)
    return Forbidden(
        _("This answer of the provider cannot be taken: it is too old, was used, or is not for here.")
    )


def _not_signed_in(message: str, status: int) -> tuple[str, int]:
    form = SignInForm(formdata=None)
    form.form_errors = [message]
    return render_template("accounts/login.html", form=form), status


class _Answers:
    """Keeps in Redis what was asked, so that each answer is taken once, whatever cookie comes with it."""

    def get(self, key: str) -> bytes | None:
        return cast("bytes | None", broker.client().get(f"celeriac:oidc:{key}"))

    def set(self, key: str, value: str, seconds: int) -> None:
        broker.client().set(f"celeriac:oidc:{key}", value, ex=min(seconds, ANSWER_SECONDS))

    def delete(self, key: str) -> None:
        broker.client().delete(f"celeriac:oidc:{key}")


def _provider() -> "FlaskOAuth2App":
    from authlib.integrations.flask_client import OAuth  # takes long, and most do without

    given = config.settings()
    if not given.oidc_issuer:
        abort(404)
    kept = current_app.extensions.get("celeriac_oidc")
    if kept and kept[0] is given:
        return kept[1]
    oauth = OAuth(current_app, cache=_Answers())
    provider = oauth.register(
        "oidc",
        client_id=given.oidc_client_id,
        client_secret=given.oidc_client_secret,
        server_metadata_url=f"{given.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": given.oidc_scopes,
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )
    current_app.extensions["celeriac_oidc"] = (given, provider)
    return provider
