"""The named errors of the domain; pages and the API map them to HTTP statuses in one place each."""

from collections.abc import Mapping, Sequence


class CeleriacError(Exception):
    """Base of every error that a person can be told about as it stands."""

    status = 500
    code = "error"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(CeleriacError):
    """The named thing does not exist (404)."""

    status = 404
    code = "not-found"


class Unauthorized(CeleriacError):
    """Nobody is signed in, or the token is not known (401)."""

    status = 401
    code = "unauthorized"


class Forbidden(CeleriacError):
    """The caller's role does not allow this (403)."""

    status = 403
    code = "forbidden"


class Conflict(CeleriacError):
    """The thing's present state does not allow this (409); `code` says which conflict."""

    status = 409
    code = "conflict"

    def __init__(self, detail: str = "", code: str = "conflict") -> None:
        super().__init__(detail)
        self.code = code


class Stale(CeleriacError):
    """Somebody else changed the thing since it was read (412)."""

    status = 412
    code = "stale"


class Invalid(CeleriacError):
    """Input that cannot be taken (422); `errors` maps each field to its messages."""

    status = 422
    code = "invalid"

    def __init__(self, errors: Mapping[str, Sequence[str]], detail: str = "") -> None:
        self.errors: dict[str, list[str]] = {field: list(messages) for field, messages in errors.items()}
        super().__init__(detail or "; ".join(f"{f}: {m}" for f, ms in self.errors.items() for m in ms))


class DiskFull(CeleriacError):
    """There is no room for what was sent (507)."""

    status = 507
    code = "disk-full"


class BrokerUnavailable(CeleriacError):
    """Redis, or the RabbitMQ that holds the queues, does not answer (503)."""

    status = 503
    code = "broker-unavailable"


class TooLarge(CeleriacError):
    """What was sent is longer than a setting allows (413)."""

    status = 413
    code = "too-large"


class CutShort(CeleriacError):
    """What was sent ended before it was whole (400)."""

    status = 400
    code = "cut-short"
