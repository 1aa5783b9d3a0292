"""Every snippet of README and docs is run, as it stands, in order, against a real stack."""

import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Mapping

import pytest

from tests.docs import bin_dev, reload
from tests.docs.pages import PROJECT, RUN, SHOWN, TRANSLATED, Snippet, pages, snippets
from tests.docs.reader import Reader

NOT_RUN = {
    "docs/deployment.md": [
        "installs services",
        "starts services",
        "asks for a certificate",
        "there are no containers here",
        "the page about operation is tried with it",
        "stops and starts services",
        "stops and starts services",
        "there are no containers here",
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
    "docs/operation.md": [
        "the script of the page about servers starts these",
        "there is no systemd here",
        "shows what was set aside, if anything",
    ],
    "docs/own-tasks.md": ["fetches from the package index"],
    "docs/sign-in.md": [
        "nobody here has turned it on",
        "settings of a web process behind a proxy",
        "settings of a web process; there is no such provider",
    ],
}
DOES = [page for page in pages() if any(one.language in RUN and not one.not_run for one in snippets(page))]


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


@pytest.mark.parametrize("page", DOES)
def test_what_a_page_says_can_be_done(page: str, reader: Reader) -> None:
    with reader.page():
        if page in OWN_WAYS:
            OWN_WAYS[page](reader)
            return
        if not reader.dev:
            reader.sh("bin/dev", page)
        follow(page, reader)


def follow(page: str, reader: Reader, then: Mapping[int, Callable[[], object]] | None = None) -> None:
    """Do what a page says, and `then` something more after the snippet of that number."""
    printed = ""
    for number, snippet in enumerate(snippets(page)):
        if snippet.language == "text":
            assert matches(reader.filled(snippet.text), printed), (
                f"{snippet} is not what was printed:\n{printed}"
            )
        elif snippet.language in RUN and not snippet.not_run:
            printed = reader.do(snippet)
        if then and number in then:
            then[number]()


def a_whole_day(reader: Reader) -> None:
    """README: a fresh start, sign-in, a process dies, `bin/dev` is killed, the second start has all still."""
    browsers = []
    then = {
        0: lambda: browsers.append(bin_dev.first_start(reader)),
        1: lambda: bin_dev.dies(reader, "recorder"),
        2: lambda: bin_dev.is_killed(reader),
        3: lambda: bin_dev.second_start(reader, browsers[0]),
    }
    follow("README.md", reader, then)


def own_tasks(reader: Reader) -> None:
    """Tasks that are saved meanwhile are taken over."""
    follow("docs/own-tasks.md", reader)
    reload.is_taken_over(reader, reader.sh("echo $TOKEN", "own tasks").strip())


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


def a_backup_is_restored(reader: Reader) -> None:
    """What was there before the backup is there again, what came after it is gone. The next start has it."""
    command, sqlite, _postgresql, _on_another, proof = snippets("docs/backup.md")
    back_up(reader, command.text)
    assert "('ok',)" in reader.do(proof)
    bin_dev.stops(reader, signal.SIGINT)  # as Ctrl-C
    reader.do(sqlite)
    assert user_names(reader) & {"before", "after"} == {"before"}


def on_a_server(reader: Reader) -> None:
    """The four processes with PostgreSQL, kept by the script for that; at the end a backup is restored."""
    bin_dev.stops(reader, signal.SIGTERM)
    processes = next(one for one in snippets("docs/deployment.md") if "processes start" in one.text)
    folder, settings = str(reader.folder), reader.home / "celeriac.env"
    typed = processes.text.replace("/etc/celeriac.env", str(settings)).replace("/srv/celeriac", folder)
    start, (status, restart, stop) = "\n".join(typed.splitlines()[:2]), typed.splitlines()[2:]
    exports = [line for line in snippets("docs/operation.md")[0].text.splitlines() if "export" in line]
    settings.write_text(reader.filled("\n".join(exports)).replace("export ", "") + "\n")

    def started() -> None:
        reader.sh(start, "start")
        reader.until(reader.healthy, "start")

    try:
        follow("docs/operation.md", reader, {0: started})
        states = dict(line.split()[:2] for line in reader.sh(status, "status").splitlines())
        assert states == dict.fromkeys(("web", "worker", "beat", "recorder"), "RUNNING")
        told = reader.sh("bin/celeriac health --part worker", "health")  # as the compose file asks
        assert told == f"ok    worker  celery@{socket.gethostname()}\n"
        assert "worker: started" in reader.sh(restart, "restart")
        assert (reader.folder / "var/run/worker.log").stat().st_mode & 0o077 == 0
    finally:
        said = reader.sh(stop, "stop")
    assert "Shut down" in said
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{reader.port}/livez")
    assert "start | stop | status" in reader.sh(f"{stop.replace('stop', 'bogus')} || true", "bogus")
    postgresql = snippets("docs/backup.md")[2]
    with reader.on_postgresql():
        reader.sh(export_of(postgresql), "export")
        back_up(reader, snippets("docs/backup.md")[0].text)
        reader.do(postgresql)
        assert user_names(reader) & {"before", "after"} == {"before"}


OWN_WAYS = {
    "README.md": a_whole_day,
    "docs/backup.md": a_backup_is_restored,
    "docs/own-tasks.md": own_tasks,
    "docs/operation.md": on_a_server,
}


def export_of(snippet: Snippet) -> str:
    return next(line for line in snippet.text.splitlines() if line.startswith("export "))
