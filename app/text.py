"""Text that every database takes."""


def storable(text: str) -> str:
    """Text without NUL and lone surrogates, which PostgreSQL does not take."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
