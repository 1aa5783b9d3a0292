"""Beat: Celery's scheduler on the table of schedules."""
