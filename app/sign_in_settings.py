"""The settings of signing in: sessions, passwords, a trusted proxy, OpenID Connect."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode

UNIX = "unix"  # a proxy that comes through a Unix socket has no address
Role = Literal["viewer", "operator", "admin"]
Network = IPv4Network | IPv6Network


def _roles(value: Any) -> Any:
    """`group=role` pairs, divided by commas, as a dictionary."""
    if not isinstance(value, str):
        return value
    roles = {}
    for pair in filter(None, (part.strip() for part in value.split(","))):
        group, is_pair, role = (part.strip() for part in pair.rpartition("="))
        if not (group and is_pair) or role not in ("viewer", "operator", "admin"):
            raise ValueError("allowed: group=role, divided by commas; roles are viewer, operator and admin")
        roles[group] = role
    return roles


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    for part in parts:
        try:
            part == UNIX or ip_network(part)
        except ValueError:
            raise ValueError(
                "allowed: addresses such as 10.0.0.7 or 10.0.0.0/8, or unix, divided by commas"
            ) from None
    return parts


def _named(value: list[str], info: ValidationInfo) -> list[str]:
    if info.data.get("proxy_user_header") and not value:
        raise ValueError("needed with CELERIAC_PROXY_USER_HEADER: the addresses of the proxy")
    return value


def _header(value: str | None) -> str | None:
    if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
        raise ValueError("allowed: the name of a header, such as X-Forwarded-User or Remote-User")
    return value or None


def _issuer(value: str | None) -> str | None:
    local = value and re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", value)
    if value and not (local or re.match(r"https://[^/\s]+", value)):
        raise ValueError(
            "allowed: https://…, as the provider writes its issuer; http:// on this machine only"
        )
    return value or None


def _secret(value: str | None, info: ValidationInfo) -> str | None:
    if info.data.get("oidc_issuer") and not (info.data.get("oidc_client_id") and value):
        raise ValueError("needed with CELERIAC_OIDC_ISSUER, as is CELERIAC_OIDC_CLIENT_ID")
    return value


class SignInSettings(BaseSettings):
    """How people sign in."""

    session_idle_minutes: int = Field(
        720, ge=5, description="A sign-in that nobody used for so long ends; live pages do not count as use."
    )
    session_max_hours: int = Field(
        336, ge=1, description="How long a sign-in lasts at most, also one that is to be kept."
    )
    session_remember: bool = Field(
        True, description='Offers "Keep me signed in on this computer": no end for not being used.'
    )
    password_memory_kib: int = Field(
        65_536,
        ge=32,
        le=4_194_304,
        description="Memory that checking a password takes, so that guessing is dear.",
    )
    second_step: Literal["optional", "admins", "everybody"] = Field(
        "optional",
        description="Who has to set up two-step sign-in: optional (who wants to), admins, everybody.",
    )
    sso_roles: Annotated[dict[str, Role], NoDecode, BeforeValidator(_roles)] = Field(
        {}, description="Roles by groups of the proxy or provider: `ops=operator,celeriac-admins=admin`."
    )
    sso_default_role: Role | None = Field(
        None, description="Role of who is in none of these groups; unset: they are not let in."
    )
    proxy_user_header: Annotated[str | None, AfterValidator(_header)] = Field(
        None, description="Header in which a trusted proxy says who is signed in; unset: none is believed."
    )
    proxy_groups_header: Annotated[str | None, AfterValidator(_header)] = Field(
        None, description="Header in which it says their groups, divided by commas."
    )
    proxy_email_header: Annotated[str | None, AfterValidator(_header)] = Field(
        None, description="Header in which it says their e-mail address."
    )
    proxy_addresses: Annotated[list[str], NoDecode, BeforeValidator(_networks), AfterValidator(_named)] = (
        Field(
            [],
            validate_default=True,
            description="Addresses and networks of that proxy, or unix; anybody else's header is refused.",
        )
    )
    oidc_issuer: Annotated[str | None, AfterValidator(_issuer)] = Field(
        None, description="Issuer of an OpenID Connect provider, by whom people may sign in; unset: off."
    )
    oidc_client_id: str | None = Field(None, description="What the provider calls Celeriac.")
    oidc_client_secret: Annotated[str | None, AfterValidator(_secret)] = Field(
        None, validate_default=True, description="The secret that Celeriac has with the provider."
    )
    oidc_name: str = Field("single sign-on", max_length=40, description="Its name on the sign-in page.")
    oidc_scopes: str = Field("openid profile email", description="What is asked of the provider.")
    oidc_user_claim: str = Field(
        "preferred_username",
        description="Claim that holds the name; one that people cannot choose themselves.",
    )
    oidc_groups_claim: str = Field("groups", description="Claim that holds the groups.")
    oidc_link_users: bool = Field(
        False, description="Lets the provider sign in as users of the same name who signed in here before."
    )
