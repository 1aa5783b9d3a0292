"""Mail to people who asked to be told when a run ends: made once each, and sent as every other message."""

from datetime import datetime, timedelta
from typing import Any

from app.accounts.models import User
from app.alerts import channels, confirmations
from app.alerts.models import AlertChannel, AlertMessage
from app.alerts.turns import forget
from app.extensions import db, transaction
from app.runs import Run, subscriptions

KIND = "run-ended"
AT_ONCE = 100
ERROR_MAX = 200


def tell(now: datetime, patience: timedelta = timedelta(0)) -> int:
    """Make the messages about runs that have ended; returns how many.

    `patience` is how much longer they must have been over.
    """
    due = subscriptions.to_mail(now - patience, AT_ONCE)
    made = [
        (subscription.run_id, user.id, _message(subscription, run, user, now))
        for subscription, run, user in due
    ]
    if not made:
        return 0
    count = 0
    with transaction() as session:
        for run_id, user_id, message in made:
            if subscriptions.take_mail(run_id, user_id):
                session.add(message)
                count += 1
        forget(now)
    return count


def channel_to(message: AlertMessage) -> AlertChannel | None:
    """The way to the person that a message is for, of no table; None when they have no address any more."""
    user = db.session.get(User, message.user_id)
    if user is None or not user.active:
        return None
    confirms = message.content["what"] == confirmations.KIND
    address = confirmations.address(user, message.content) if confirms else user.email
    language = str(message.content.get("language", "en"))
    return (
        AlertChannel(name=user.name, kind=channels.EMAIL, address=address, language=language)
        if address
        else None
    )


def _message(
    subscription: subscriptions.RunSubscription, run: Run, user: User, now: datetime
) -> AlertMessage:
    content: dict[str, Any] = {
        "what": KIND,
        "at": (run.finished_at or now).isoformat(),
        "language": subscription.language,
        "run_id": run.id,
        "task_name": run.task_name,
        "state": run.state,
        "error": (run.error or "").partition("\n")[0][:ERROR_MAX],
        "seconds": run.runtime_seconds,
    }
    return AlertMessage(
        at=now, channel_id=0, channel_name=user.name, user_id=user.id, content=content, next_at=now
    )
