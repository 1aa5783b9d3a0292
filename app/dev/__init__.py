"""`bin/dev`: everything on one machine, started and stopped as one."""
