"""Does what the docs say, as a reader does: in a fresh copy of the project, in a shell, page after page."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from app.dev import orphans
from tests.docs.pages import PROJECT, Snippet

DEV = re.compile(r"^((?:\w+=\S+ )*)bin/dev(\s+#.*)?$")
SECONDS = 300  # for one snippet, on a machine that is busy with other things


class Reader:
    """Somebody with a fresh copy of the project, a database server, and a Redis."""

    def __init__(self, folder: Path, port: int, placeholders: dict[str, str], tools: Path) -> None:
        self.folder, self.port = folder, port
        self.placeholders = placeholders | {"127.0.0.1:8000": f"127.0.0.1:{port}"}
        self.log, self.home = folder.parent / "processes.log", folder.parent / "home"
        self.log.touch()
        self.home.mkdir()
        (self.home / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 60\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        self.environment = kept | {
            "PORT": str(port),
            "HOME": str(self.home),
            "CURL_HOME": str(self.home),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        }
        self.watched: list[str] = []  # modules of tasks that what runs takes over when they are saved
        self._shell: subprocess.Popen[str] | None = None
        self.dev: subprocess.Popen[bytes] | None = None  # it outlives the page that starts it
        self._database = f"sqlite:///{folder}/var/celeriac.db?timeout=30"
        url = make_url(placeholders["postgresql://celeriac:PASSWORD@db.internal/celeriac"])
        self._server = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        copy(folder)

    @contextmanager
    def page(self) -> Iterator[None]:
        """A new terminal: variables of one page are not known on the next."""
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.sh("set -e -o pipefail", "start")
        try:
            yield
        finally:
            assert self._shell.stdin
            assert self._shell.stdout
            self._shell.stdin.close()
            self._shell.wait(10)
            self._shell.stdout.close()

    def do(self, snippet: Snippet) -> str:
        """Do what a snippet says; returns what was printed."""
        if snippet.remark == "everything is stopped":
            self.stop()
        if snippet.language == "sh":
            printed = self.sh(snippet.text, str(snippet))
            if "/api/v1/runs" in snippet.text:
                self.until(self._all_succeeded, str(snippet))
            return printed
        if snippet.language == "sql":
            return self.sql(snippet.text)
        if snippet.file:
            self._save(snippet)
            return ""
        assert snippet.language == "python", f"{snippet}: its first line does not say where it is saved"
        return self.sh(f".venv/bin/python - <<'END_OF_SNIPPET'\n{snippet.text}END_OF_SNIPPET\n", str(snippet))

    def filled(self, text: str) -> str:
        """The text with addresses of this machine, as a reader fills in theirs."""
        for name, value in self.placeholders.items():
            text = text.replace(name, value)
        return text

    def sh(self, text: str, place: str) -> str:
        """Type lines into the page's shell; the first that fails is an error. `bin/dev` has another one."""
        lines = []
        for line in self.filled(text).splitlines():
            if starts := DEV.match(line):
                self._start_dev(starts[1], place)
            else:
                lines.append(line)
        return self._typed("\n".join(lines) + "\n", place)

    def _start_dev(self, variables: str, place: str) -> None:
        if self.dev:
            self.end(signal.SIGINT)  # both want the same port: a reader stops the one first
        told = re.search(r"CELERIAC_TASKS=(\S+)", variables)
        self.watched = told[1].split(",") if told else []
        mark = self.log.stat().st_size
        with self.log.open("ab") as output:
            self.dev = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-c", f"{variables}exec bin/dev"],
                cwd=self.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.until(partial(self._told, "Stop with Ctrl-C", mark), place)
        self.until(self.healthy, place)

    def end(self, number: signal.Signals) -> int:
        """Send `bin/dev` a signal; returns its exit status."""
        assert self.dev
        self.dev.send_signal(number)
        status = self.dev.wait(60)
        self.dev = None
        return status

    def link(self) -> str:
        """The newest link that `bin/dev` has printed to sign in with."""
        printed = re.findall(r"http://127\.0\.0\.1:\d+/login/link/\S+", self.log.read_text())
        return str(printed[-1])

    def _typed(self, text: str, place: str) -> str:
        shell, file, output = self._shell, self.home / "typed", self.home / "printed"
        assert shell
        assert shell.stdin
        assert shell.stdout
        file.write_text(text)
        watchdog = threading.Timer(SECONDS, os.killpg, (shell.pid, signal.SIGKILL))
        watchdog.start()
        shell.stdin.write(f". {shlex.quote(str(file))} > {shlex.quote(str(output))} 2>&1\necho done\n")
        shell.stdin.flush()
        answer = shell.stdout.readline()
        watchdog.cancel()
        printed = output.read_text()
        assert answer == "done\n", f"{place} failed:\n{text}\n{printed}\n{answer}"
        return printed

    def _save(self, snippet: Snippet) -> None:
        path = self.folder / snippet.file
        path.parent.mkdir(parents=True, exist_ok=True)
        mark = self.log.stat().st_size
        path.write_text(snippet.text)
        if snippet.language == "yaml":
            assert yaml.safe_load(snippet.text), f"{snippet} says nothing"
        elif self.dev and self._is_watched(snippet.file):
            for told in (f"taken over: {path.name}", " ready."):  # bin/dev and the worker
                self.until(partial(self._told, told, mark), str(snippet))
            self.until(self.healthy, str(snippet))

    def _is_watched(self, file: str) -> bool:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return any(f"{module}.".startswith(f"{watched}.") for watched in self.watched)

    def sql(self, text: str) -> str:
        """Ask the database of what runs, statement by statement; returns rows as sqlite3 prints them."""
        engine = create_engine(self._database, poolclass=NullPool)
        with engine.begin() as connection:
            results = [connection.exec_driver_sql(part) for part in text.split(";\n") if part.strip()]
            rows = [row for result in results if result.returns_rows for row in result]
        return "\n".join("|".join(map(str, row)) for row in rows)

    @contextmanager
    def on_postgresql(self) -> Iterator[None]:
        """Meanwhile `sql` asks the database server."""
        before, self._database = self._database, self._server
        yield
        self._database = before

    def _all_succeeded(self) -> bool:
        """Whether all runs have ended; one that did not succeed is an error."""
        rows = self.sql("SELECT state, task_name, error FROM runs").splitlines()
        states = {row.split("|")[0] for row in rows}
        assert not states & {"FAILURE", "LOST", "REVOKED", "EXPIRED", "REJECTED"}, rows
        return not states & {"PENDING", "RECEIVED", "STARTED", "PROGRESS", "RETRY"}

    def _told(self, words: str, mark: int) -> bool:
        return words.encode() in self.log.read_bytes()[mark:]

    def until(self, condition: Callable[[], Any], place: str) -> Any:
        """Wait until something is so, and return it; an error when `bin/dev` ends meanwhile."""
        deadline = time.monotonic() + SECONDS
        while not (found := condition()):
            ended = self.dev and self.dev.poll() is not None
            assert not ended, f"{place}: bin/dev ended\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{place}: still not so\n{self.log.read_text()[-3000:]}"
            time.sleep(0.3)
        return found

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=20) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End `bin/dev`, and whatever it left behind."""
        try:
            if self.dev:
                self.end(signal.SIGINT)
        finally:
            orphans.stop(self.folder / "var")


def copy(folder: Path) -> None:
    """The project as one gets it: no data, but with the environment that `bin/dev` would make."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file() and not name.startswith("tests/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target)
    half_written = shutil.ignore_patterns("*.pyc.*")
    for package in ("app", "celeriac_agent"):
        for compiled in (PROJECT / package).rglob("__pycache__"):  # else each process compiles it all at once
            shutil.copytree(compiled, folder / compiled.relative_to(PROJECT), ignore=half_written)
    (folder / ".venv").symlink_to(sys.prefix)
