"""Alerts: rules that are looked at every few seconds, and messages to people when something is wrong.

Nothing is imported here: a worker, which only delivers, does without what the rules read.
"""
