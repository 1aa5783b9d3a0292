"""What pages say of the tasks that come along, collected as messages: an extraction method for Babel.

The texts stand in docstrings and in descriptions of parameters, where no call marks them. pyproject.toml
names the files with tasks; `TaskInfo.translated` shows what was translated.
"""

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from inspect import unwrap
from pathlib import Path
from typing import IO, Any

from babel.messages.extract import extract_python
from celery import Celery, Task

from app.catalog.docstrings import paragraphs, read_docstring
from app.catalog.info import LIBRARY_TEXTS
from app.catalog.parameters import docstring_of, parameters_of


def extract(
    file: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: Any
) -> Iterator[tuple[Any, ...]]:
    """The messages of a module: those that calls mark, and what its tasks say."""
    yield from extract_python(file, keywords, comment_tags, options)
    file.seek(0)
    if b"@shared_task" not in file.read():
        return  # the modules that do the work take long to import
    name = _module(file.name)
    import_module(name)
    celery_app = Celery(set_as_current=False)
    celery_app.finalize()  # takes in every shared task
    tasks = [task for task in celery_app.tasks.values() if task.__module__ == name]
    for task in sorted(tasks, key=_line):  # Celery takes them in in any order
        yield from ((_line(task), "pgettext", (LIBRARY_TEXTS, text), []) for text in _texts(task))


def _module(path: str) -> str:
    """app/library/web/__init__.py is app.library.web."""
    parts = Path(path).with_suffix("").parts
    below = parts[len(parts) - parts[::-1].index("app") - 1 :]
    return ".".join(below).removesuffix(".__init__")


def _line(task: Task) -> int:
    line: int = unwrap(task.run).__code__.co_firstlineno  # `autoretry_for` wraps it
    return line


def _texts(task: Task) -> Iterator[str]:
    """The summary, each paragraph of the docstring, and what each parameter means."""
    doc = read_docstring(docstring_of(task))
    said = [doc.summary, *(paragraph.text for paragraph in paragraphs(doc.body))]
    yield from filter(None, [*said, *(parameter.description for parameter in parameters_of(task))])
