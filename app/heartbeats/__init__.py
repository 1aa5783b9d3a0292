"""Heartbeats: which beats, recorders and workers say that they live, and who is silent."""

from app.broker.heartbeats import APP_WORKERS, BEATS, RECORDERS, WORKERS, forget
from app.heartbeats.beat import Beat, beats
from app.heartbeats.recorder import RecorderStatus, recorders
from app.heartbeats.strangers import strangers
from app.heartbeats.worker import OFFLINE_SECONDS, Worker, app_workers, find_worker, workers

__all__ = [
    "APP_WORKERS",
    "BEATS",
    "OFFLINE_SECONDS",
    "RECORDERS",
    "WORKERS",
    "Beat",
    "RecorderStatus",
    "Worker",
    "app_workers",
    "beats",
    "find_worker",
    "forget",
    "recorders",
    "strangers",
    "workers",
]
