"""Who is to be told when a run ends, and how: kept until it was told, withdrawn, or the run is cleaned up.

Each way is told once: whoever takes it out of the row tells it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from flask_babel import gettext as _
from sqlalchemy import ForeignKey, String, Table, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models import User
from app.clock import UTCDateTime
from app.config import settings
from app.errors import Conflict, Invalid, NotFound
from app.extensions import Base, db, insert_into, transaction
from app.runs import states
from app.runs.models import Run

BROWSER, MAIL = "browser", "mail"
WAYS = (BROWSER, MAIL)
MOST = 500  # of one user
SHOWN_MOST = 20


class RunSubscription(Base):
    """One user who is to be told of one run; each way is false once it was told."""

    __tablename__ = "run_subscriptions"

    run_id: Mapped[str] = mapped_column(
        String(255), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    by_browser: Mapped[bool]
    by_mail: Mapped[bool]
    language: Mapped[str] = mapped_column(String(16))  # in which it was asked for, and is told
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @property
    def ways(self) -> list[str]:
        """How it is told."""
        return [way for way, wanted in ((BROWSER, self.by_browser), (MAIL, self.by_mail)) if wanted]


_TABLE = cast(Table, RunSubscription.__table__)
_COLUMNS = {BROWSER: RunSubscription.by_browser, MAIL: RunSubscription.by_mail}


@dataclass(frozen=True)
class Waiting:
    """What a user waits for: whether for anything in the browser, and the runs of it that have ended."""

    any: bool
    ended: Sequence[Run]


def mail_problem(user: User) -> str:
    """Why a user cannot be told by mail; empty when they can."""
    if not settings().smtp_url:
        return _("No mail is set up: the setting SMTP_URL is empty.")
    if not user.email and user.unconfirmed_email:
        return _("Your e-mail address is not confirmed yet: use the link in the mail that was sent there.")
    if not user.email:
        return _("You have no e-mail address in Settings.")
    return ""


def ways_of(user: User) -> Sequence[str]:
    """All the ways in which a user can be told."""
    return WAYS if not mail_problem(user) else (BROWSER,)


def subscribe(
    run: Run, user: User, now: datetime, ways: Sequence[str], language: str
) -> RunSubscription | None:
    """Note that a user is to be told when a run ends; None for one that has ended, of which they hear so now.

    Raises `Invalid` for a way that there is not, `Conflict` when too many are noted, `NotFound` for a run
    that went meanwhile.
    """
    _check(ways, user)
    if run.is_finished:
        return None
    mine = select(func.count()).select_from(RunSubscription).where(RunSubscription.user_id == user.id)
    if int(db.session.scalar(mine) or 0) >= MOST:
        raise Conflict(_("You wait for %(n)s runs already. Withdraw some first.", n=MOST), code="too-many")
    run_id = run.id
    values = {"by_browser": BROWSER in ways, "by_mail": MAIL in ways, "language": language}
    try:
        with transaction() as session:
            connection = session.connection()
            insert = insert_into(connection.dialect.name, _TABLE).values(
                run_id=run_id, user_id=user.id, **values, created_at=now
            )
            connection.execute(
                insert.on_conflict_do_update(index_elements=["run_id", "user_id"], set_=values)
            )
    except IntegrityError:
        raise NotFound(_("There is no run %(id)s.", id=run_id[:80])) from None
    return of(run_id, user)


def unsubscribe(run_id: str, user: User) -> bool:
    """Withdraw it; whether there was something to withdraw."""
    with transaction() as session:
        mine = delete(RunSubscription).where(
            RunSubscription.run_id == run_id, RunSubscription.user_id == user.id
        )
        return bool(session.connection().execute(mine).rowcount)


def of(run_id: str, user: User) -> RunSubscription | None:
    """What a user has noted of a run."""
    return db.session.get(RunSubscription, (run_id, user.id), populate_existing=True)


def waiting(user: User) -> Waiting:
    """What a user waits for in the browser, those that ended last first."""
    mine = (RunSubscription.user_id == user.id, RunSubscription.by_browser)
    if db.session.scalar(select(RunSubscription.run_id).where(*mine).limit(1)) is None:
        return Waiting(False, ())
    ended = select(Run).join(RunSubscription, RunSubscription.run_id == Run.id)
    ended = (
        ended.where(*mine, Run.state.in_(states.FINISHED)).order_by(Run.updated_at.desc()).limit(SHOWN_MOST)
    )
    return Waiting(True, db.session.scalars(ended).all())


def take_shown(run_id: str, user: User) -> bool:
    """Whether who asks is the one that tells a user in the browser that a run has ended."""
    ended = select(Run.id).where(Run.id == run_id, Run.state.in_(states.FINISHED)).exists()
    with transaction():
        return _take(run_id, user.id, BROWSER, ended)


def to_mail(ended_before: datetime, limit: int) -> list[tuple[RunSubscription, Run, User]]:
    """Whom to tell by mail, of runs that ended before a time: active users who have an address."""
    ended_at = func.coalesce(Run.ended_at, Run.updated_at)
    query = (
        select(RunSubscription, Run, User)
        .join(Run, Run.id == RunSubscription.run_id)
        .join(User, User.id == RunSubscription.user_id)
        .where(
            RunSubscription.by_mail,
            Run.state.in_(states.FINISHED),
            ended_at <= ended_before,
            User.active,
            User.email.is_not(None),
        )
        .limit(limit)
    )
    return [(subscription, run, user) for subscription, run, user in db.session.execute(query)]


def take_mail(run_id: str, user_id: int) -> bool:
    """Whether the caller is the one that makes the mail, inside its transaction."""
    return _take(run_id, user_id, MAIL)


def _take(run_id: str, user_id: int, way: str, *conditions: Any) -> bool:
    """Take a way out of the row, which goes with its last one."""
    connection = db.session.connection()
    mine = (RunSubscription.run_id == run_id, RunSubscription.user_id == user_id)
    taken = update(RunSubscription).where(*mine, _COLUMNS[way], *conditions).values({_COLUMNS[way]: False})
    if not connection.execute(taken).rowcount:
        return False
    connection.execute(delete(RunSubscription).where(*mine, ~or_(*_COLUMNS.values())))
    return True


def _check(ways: Sequence[str], user: User) -> None:
    if not ways or set(ways) - set(WAYS):
        raise Invalid({"ways": [_("Choose one or more of: %(all)s.", all=", ".join(WAYS))]})
    if MAIL in ways and (problem := mail_problem(user)):
        raise Invalid({"ways": [problem]})
