"""How much of a list is read at once, and how far its rows are counted."""

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
COUNT_CAP = 10_000
