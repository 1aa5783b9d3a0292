"""Roles and what each may do."""

VIEWER = "viewer"
OPERATOR = "operator"
ADMIN = "admin"

VIEW = "view"
OPERATE = "operate"
ADMINISTER = "administer"

# operate: run, schedule, reorder, cancel. administer: workers, users, tokens, purge, deleting history.
RIGHTS = {
    VIEWER: frozenset({VIEW}),
    OPERATOR: frozenset({VIEW, OPERATE}),
    ADMIN: frozenset({VIEW, OPERATE, ADMINISTER}),
}
ROLES = tuple(RIGHTS)
ALL_RIGHTS = RIGHTS[ADMIN]


def lower(role: str, limit: str | None) -> str:
    """The lower of two roles; no limit leaves the first."""
    return min(role, limit, key=ROLES.index) if limit and role in ROLES else role


def may(role: str, right: str) -> bool:
    """Whether a role includes a right; a role that is not known includes none."""
    return right in RIGHTS.get(role, ())
