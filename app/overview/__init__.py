"""TEMPORARY by the lead: overwrite."""
