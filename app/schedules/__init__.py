"""Schedules: when to run which task with which arguments."""
