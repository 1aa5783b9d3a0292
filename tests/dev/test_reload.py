"""Own tasks are taken over when they are saved, while `bin/dev` runs."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from app.dev import orphans

PROJECT = Path(__file__).resolve().parent.parent.parent

JOBS = '''
import time
from celery import shared_task

@shared_task
def greet(seconds: float = 0) -> str:
    """Greet WORD."""
    time.sleep(seconds)
    return "WORD"
'''


def patient() -> requests.Session:
    """As a browser: what a web process that goes away did not take is sent again."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(5, backoff_factor=0.1)))
    session.headers["Connection"] = "close"
    return session


class Stack:
    """`bin/dev` called in a folder with own tasks, and its REST API."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.address = folder, f"http://127.0.0.1:{port}"
        self.environment = {n: v for n, v in os.environ.items() if not n.startswith("CELERIAC_")} | {
            "PORT": str(port),
            "CELERIAC_DATA_DIR": str(folder.parent / "data"),
            "CELERIAC_TASKS": "team.jobs",
        }
        self.log = folder.parent / "dev.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [PROJECT / "bin/dev"], cwd=folder, env=self.environment,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.eventually(lambda: "Stop with Ctrl-C" in self.log.read_text(), 180)
        token = subprocess.run(
            [PROJECT / "bin/celeriac", "tokens", "create", "admin"],
            cwd=folder, env=self.environment, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        self.session = patient()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def eventually(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.3)
        return found

    def save(self, word: str) -> None:
        (self.folder / "team/jobs.py").write_text(JOBS.replace("WORD", word))

    def get(self, path: str) -> Any:
        return self.session.get(f"{self.address}/api/v1{path}", timeout=30).json()

    def run(self, seconds: float = 0, **options: Any) -> str:
        body = {"task_name": "team.jobs.greet", "kwargs": {"seconds": seconds}} | options
        answer = self.session.post(f"{self.address}/api/v1/runs", json=body, timeout=30)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def result(self, run_id: str) -> Any:
        ended = self.eventually(
            lambda: (run := self.get(f"/runs/{run_id}"))["state"] in ("SUCCESS", "FAILURE", "LOST") and run
        )
        assert ended["state"] == "SUCCESS", ended
        return ended["result"]

    def doc(self) -> str:
        return str(self.get("/tasks/team.jobs.greet").get("doc"))

    def workers(self) -> list[str]:
        return [one["hostname"] for one in self.get("/workers")["items"] if one["state"] == "online"]

    def keepers(self) -> list[Any]:
        """The processes that keep the workers."""
        found = orphans.marked(self.folder.parent / "data")
        named = [one for one in found if one.environ().get("SUPERVISOR_PROCESS_NAME") == "worker"]
        return [one for one in named if "supervisord" in " ".join(one.parent().cmdline())]

    def tasks_page(self) -> str:
        return self.browser.get(f"{self.address}/tasks", timeout=30).text

    @property
    def browser(self) -> requests.Session:
        if not hasattr(self, "_browser"):
            link = re.search(r"http://127\.0\.0\.1:\d+/login/link/\S+", self.log.read_text())
            assert link
            self._browser = patient()
            page = self._browser.get(link.group(), timeout=30).text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)
            assert token, page
            self._browser.post(link.group(), data={"csrf_token": token[1]}, timeout=30).raise_for_status()
        return self._browser


@pytest.fixture
def stack(tmp_path: Path, free_port: int) -> Iterator[Stack]:
    (tmp_path / "folder" / "team").mkdir(parents=True)
    (tmp_path / "folder" / "team" / "jobs.py").write_text(JOBS.replace("WORD", "one"))
    made = Stack(tmp_path / "folder", free_port)
    yield made
    if made.process.poll() is None:
        made.process.send_signal(signal.SIGTERM)
        try:
            made.process.wait(60)
        except subprocess.TimeoutExpired:
            made.process.kill()
    orphans.stop(tmp_path / "data")


def test_a_saved_module_is_taken_over(stack: Stack) -> None:
    """By page and worker; what runs ends with the old code; a module that cannot be read stops nothing.

    Nor does the death of a keeper: its worker goes with it, and both come again.
    """
    assert stack.result(stack.run()) == "one"
    stack.eventually(lambda: len(stack.workers()) == 1)
    (old,) = stack.workers()
    long = stack.run(8)
    stack.eventually(lambda: stack.get(f"/runs/{long}")["state"] == "STARTED")

    stack.save("two")
    stack.eventually(lambda: stack.doc() == "Greet two.")
    stack.eventually(lambda: set(stack.workers()) > {old})  # a new one takes runs while the old one works
    assert stack.result(stack.run()) == "two"
    assert stack.get(f"/runs/{long}")["state"] == "STARTED"
    assert stack.result(long) == "one"
    (keeper,) = stack.keepers()
    stack.eventually(lambda: len(keeper.children()) == 1)

    (stack.folder / "team/jobs.py").write_text("def broken(:\n")
    stack.eventually(lambda: "invalid syntax" in stack.tasks_page())
    assert "jobs.py, line 1: invalid syntax" in stack.log.read_text()
    stack.save("three")
    stack.eventually(lambda: stack.doc() == "Greet three.")
    stack.eventually(lambda: old in stack.workers())  # its name is free again
    assert stack.result(stack.run()) == "three"

    waiting = stack.run(hold=True)
    (stack.folder / "team/jobs.py").write_text("import nowhere\n" + JOBS)
    stack.eventually(lambda: "No module named" in stack.tasks_page() and "nowhere" in stack.tasks_page())
    said = "team.jobs: ModuleNotFoundError: No module named 'nowhere'. Tasks go on as they were"
    stack.eventually(lambda: said in stack.log.read_text())
    assert stack.log.read_text().count(said) == 1
    answer = stack.session.post(f"{stack.address}/api/v1/queues/default/release", json={"id": waiting})
    assert stack.result(waiting) == "three", answer.text  # the worker still has it
    stack.save("four")
    stack.eventually(lambda: stack.doc() == "Greet four.")
    stack.eventually(lambda: stack.result(stack.run()) == "four")
    stack.eventually(lambda: stack.session.get(f"{stack.address}/healthz", timeout=30).status_code == 200)

    (keeper,) = stack.keepers()
    own = keeper.children(recursive=True)
    keeper.kill()
    stack.eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in own))
    stack.eventually(lambda: stack.keepers() not in ([], [keeper]))
    assert stack.result(stack.run()) == "four"

    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(60) == 0
    assert orphans.marked(stack.folder.parent / "data") == []
