"""The REST API: one module or package a noun; `frame` holds what all of them share."""
