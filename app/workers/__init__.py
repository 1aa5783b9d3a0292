"""Workers: who is alive and what each is doing, from their own heartbeats."""

from app.workers.deaths import put_right
from app.workers.presence import OFFLINE_SECONDS, Worker, find, listing

__all__ = ["OFFLINE_SECONDS", "Worker", "find", "listing", "put_right"]
