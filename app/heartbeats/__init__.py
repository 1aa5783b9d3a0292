"""Heartbeats: which beats, recorders and workers say that they live, and who is silent."""

from app.heartbeats.beat import BEATS, Beat, beats
from app.heartbeats.recorder import RECORDERS, RecorderWord, recorders
from app.heartbeats.strangers import strangers
from app.heartbeats.worker import OFFLINE_SECONDS, Worker, find_worker, workers

__all__ = [
    "BEATS",
    "OFFLINE_SECONDS",
    "RECORDERS",
    "Beat",
    "RecorderWord",
    "Worker",
    "beats",
    "find_worker",
    "recorders",
    "strangers",
    "workers",
]
