"""The log of a run in the history: pieces as they came, put together when they are read."""

from app.runs.logs.models import LogPiece
from app.runs.logs.reading import Line, Log, read
from app.runs.logs.writing import forget, keep

__all__ = ["Line", "Log", "LogPiece", "forget", "keep", "read"]
