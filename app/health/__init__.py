"""Whether it is all right: probes for machines, metrics, and `doctor` for people."""
