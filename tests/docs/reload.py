"""Own tasks are taken over when they are saved, while `bin/dev` runs with `CELERIAC_TASKS=myteam`."""

import re
from collections.abc import Callable
from typing import Any

import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from app.dev import orphans
from tests.docs.reader import Reader

GREETING = '''
import os, time
from celery import shared_task

@shared_task
def greet(until: str = "") -> str:
    """Greet WORD."""
    while until and not os.path.exists(until):
        time.sleep(0.1)
    return "WORD"
'''


def patient() -> requests.Session:
    """As a browser: what a web process that goes away did not take is sent again."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(5, backoff_factor=0.1)))
    session.headers["Connection"] = "close"
    return session


class Team:
    """A folder with own tasks that `bin/dev` knows, and its REST API."""

    def __init__(self, reader: Reader, token: str) -> None:
        self.reader, self.address = reader, f"http://127.0.0.1:{reader.port}"
        self.file = reader.folder / "myteam" / "greeting.py"
        self.session = patient()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.browser = patient()
        page = self.browser.get(reader.link(), timeout=30).text
        token_of_form = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token_of_form, page
        self.browser.post(reader.link(), data={"csrf_token": token_of_form[1]}, timeout=30).raise_for_status()

    def until(self, condition: Callable[[], Any]) -> Any:
        return self.reader.until(condition, "while tasks are taken over")

    def save(self, word: str) -> None:
        self.file.write_text(GREETING.replace("WORD", word))

    def get(self, path: str) -> Any:
        return self.session.get(f"{self.address}/api/v1{path}", timeout=30).json()

    def run(self, until: str = "", **options: Any) -> str:
        """Greet, not before the file `until` is there."""
        body = {"task_name": "myteam.greeting.greet", "kwargs": {"until": until}} | options
        answer = self.session.post(f"{self.address}/api/v1/runs", json=body, timeout=30)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def result(self, run_id: str) -> Any:
        ended = self.until(
            lambda: (run := self.get(f"/runs/{run_id}"))["state"] in ("SUCCESS", "FAILURE", "LOST") and run
        )
        assert ended["state"] == "SUCCESS", ended
        return ended["result"]

    def doc(self) -> str:
        return str(self.get("/tasks/myteam.greeting.greet").get("doc"))

    def workers(self) -> list[str]:
        return [one["hostname"] for one in self.get("/workers")["items"] if one["state"] == "online"]

    def keepers(self) -> list[Any]:
        """The processes that keep the workers."""
        return [one for one in orphans.marked(self.reader.folder / "var") if _is_keeper(one)]

    def tasks_page(self) -> str:
        return self.browser.get(f"{self.address}/tasks", timeout=30).text

    def said(self) -> str:
        return self.reader.log.read_text()


def _is_keeper(process: psutil.Process) -> bool:
    try:
        parent = process.environ().get("SUPERVISOR_PROCESS_NAME") == "worker" and process.parent()
        return bool(parent) and "supervisord" in " ".join(parent.cmdline())
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return False


def is_taken_over(reader: Reader, token: str) -> None:
    """By page and worker; what runs ends with the old code; a module that cannot be read stops nothing.

    Nor does the death of a keeper: its worker goes with it, and both come again.
    """
    team = Team(reader, token)
    team.save("one")
    team.until(lambda: team.doc() == "Greet one.")
    go_on = reader.folder / "go on"
    long = team.run(until=str(go_on))
    team.until(lambda: team.get(f"/runs/{long}")["state"] == "STARTED")
    old = team.get(f"/runs/{long}")["worker"]

    team.save("two")
    team.until(lambda: team.doc() == "Greet two.")
    team.until(lambda: set(team.workers()) > {old})  # a new one takes runs while the old one works
    assert team.result(team.run()) == "two"
    assert team.get(f"/runs/{long}")["state"] == "STARTED"
    go_on.touch()
    assert team.result(long) == "one"
    (keeper,) = team.keepers()
    team.until(lambda: len(keeper.children()) == 1)

    team.file.write_text("def broken(:\n")
    team.until(lambda: "invalid syntax" in team.tasks_page())
    assert "greeting.py, line 1: invalid syntax" in team.said()
    team.save("three")
    team.until(lambda: team.doc() == "Greet three.")
    assert team.result(team.run()) == "three"

    waiting = team.run(hold=True)
    team.file.write_text("import nowhere\n" + GREETING)
    team.until(lambda: "No module named" in (page := team.tasks_page()) and "nowhere" in page)
    lost = "myteam.greeting: ModuleNotFoundError: No module named 'nowhere'. Tasks go on as they were"
    team.until(lambda: lost in team.said())
    assert team.said().count(lost) == 1
    answer = team.session.post(f"{team.address}/api/v1/queues/default/release", json={"id": waiting})
    assert team.result(waiting) == "three", answer.text  # the worker still has it
    team.save("four")
    team.until(lambda: team.doc() == "Greet four.")
    team.until(lambda: team.result(team.run()) == "four")
    team.until(lambda: team.session.get(f"{team.address}/healthz", timeout=30).status_code == 200)

    (keeper,) = team.keepers()
    names = re.findall(r"celery\d*@\S+(?= ready\.)", team.said())
    assert len(set(names)) < len(names)  # who has ended leaves its name to another
    own = keeper.children(recursive=True)
    keeper.kill()
    team.until(lambda: not any(one.is_running() and one.status() != "zombie" for one in own))
    team.until(lambda: team.keepers() not in ([], [keeper]))
    assert team.result(team.run()) == "four"
