"""Heartbeats: which beats, recorders and workers say that they live."""
