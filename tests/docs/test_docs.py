"""Every snippet of README and docs is run, as it stands, in order, against a real stack."""

import re

import pytest

from tests.docs.pages import PROJECT, RUN, SHOWN, TRANSLATED, Snippet, pages, snippets
from tests.docs.reader import Reader

NOT_RUN = {
    "docs/deployment.md": [
        "installs services",
        "starts services",
        "there are no containers here",
        "a test of its own does, with a Redis",
        "stops and starts services",
        "stops and starts services",
        "there is no second machine here",
        "there is no second machine here",
    ],
    "docs/backup.md": ["needs the right to make databases"],
    "docs/developing.md": ["it runs this page too"],
    "docs/existing-project.md": [
        "there is no Django here",
        "there is no project of yours here",
        "there is no project of yours here",
        "there is no project of yours here",
        "there is no Django project here",
    ],
    "docs/other-schedulers.md": ["there is no other scheduler here", "there is no other scheduler here"],
    "docs/metrics.md": ["a part of Prometheus's own configuration"],
    "docs/operation.md": ["there is no systemd here", "shows what was set aside, if anything"],
    "docs/own-tasks.md": ["fetches from the package index"],
    "docs/sign-in.md": [
        "nobody here has turned it on",
        "settings of a web process behind a proxy",
        "settings of a web process; there is no such provider",
    ],
}
DOES = [page for page in pages() if any(one.language in RUN and not one.not_run for one in snippets(page))]

PAGES = [page for page in DOES if page != "docs/backup.md"]  # that one has a test of its own


def test_every_block_says_what_it_is() -> None:
    for page in pages():
        for snippet in snippets(page):
            assert snippet.language in RUN | SHOWN, f"{snippet}: allowed: {sorted(RUN | SHOWN)}"


@pytest.mark.parametrize(("page", "original"), TRANSLATED.items())
def test_a_translated_page_says_what_the_english_one_says(page: str, original: str) -> None:
    """The same snippets, headings, rows of tables and links: whoever changes the one changes the other."""
    assert [snippet.text for snippet in snippets(page)] == [snippet.text for snippet in snippets(original)]
    if page != "docs/zh/README.md":  # the first page leaves the settings to the English one
        assert outline(page) == outline(original)


def outline(page: str) -> list[str]:
    """What begins each line that is a heading, an item or a row of a table; and names in code, in order."""
    lines = [line for line in (PROJECT / page).read_text().splitlines() if not line.startswith("[English]")]
    return [line.split(" ")[0] for line in lines if re.match(r"#+ |- |\| |\d\. ", line)]


def test_every_translated_page_is_known() -> None:
    assert {str(path.relative_to(PROJECT)) for path in (PROJECT / "docs/zh").iterdir()} == {*TRANSLATED}


def test_what_is_not_run_is_known_and_says_why() -> None:
    found: dict[str, list[str]] = {}
    for page in pages():
        for snippet in snippets(page):
            if snippet.not_run:
                found.setdefault(page, []).append(snippet.not_run)
    assert found == NOT_RUN


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_can_be_done(page: str, reader: Reader) -> None:
    with reader.page():
        if page not in ("README.md", "docs/operation.md") and not reader.running:
            reader.sh("bin/dev", page)  # these two say how; for the others it is running
        printed = ""
        for snippet in snippets(page):
            if snippet.language == "text":
                assert matches(reader.filled(snippet.text), printed), (
                    f"{snippet} is not what was printed:\n{printed}"
                )
            elif snippet.language in RUN and not snippet.not_run:
                printed = reader.do(snippet)
    if page == PAGES[-1]:
        reader.stop()  # what is left running would slow down the tests that follow


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def add_user(reader: Reader, name: str) -> None:
    reader.sql(
        "INSERT INTO users (name, name_key, role, created_at) "
        f"VALUES ('{name}', '{name}', 'viewer', '2026-11-20 08:00:00')"
    )


def user_names(reader: Reader) -> set[str]:
    return set(reader.sql("SELECT name FROM users").splitlines())


def back_up(reader: Reader, command: str) -> None:
    """A backup between two new users."""
    add_user(reader, "before")
    reader.sh(command, "backup")
    add_user(reader, "after")
    assert {"before", "after"} <= user_names(reader)


def test_a_backup_is_restored(reader: Reader) -> None:
    """What was there before the backup is there again, what came after it is gone: SQLite and PostgreSQL."""
    command, sqlite, postgresql, _on_another, proof = snippets("docs/backup.md")
    with reader.page():
        reader.sh("bin/celeriac db upgrade", "upgrade")
        back_up(reader, command.text)
        assert "('ok',)" in reader.do(proof)
        reader.do(sqlite)
        assert user_names(reader) & {"before", "after"} == {"before"}
    with reader.page(), reader.on_postgresql():
        reader.sh(export_of(postgresql), "export")
        reader.sh("bin/celeriac db upgrade", "upgrade")
        back_up(reader, command.text)
        reader.do(postgresql)
        assert user_names(reader) & {"before", "after"} == {"before"}
    with reader.page():
        reader.sh("bin/dev", "backup")  # all is well again
        reader.sh("bin/celeriac doctor", "doctor")
    reader.stop()


def export_of(snippet: Snippet) -> str:
    return next(line for line in snippet.text.splitlines() if line.startswith("export "))
