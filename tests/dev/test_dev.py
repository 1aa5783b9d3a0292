"""`bin/dev` when it cannot start; tests/docs has it up, watched, stopped, killed and started again."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.dev import orphans

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def port(free_port: int) -> int:
    return free_port


@pytest.fixture
def bin_dev(tmp_path: Path, port: int) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], Path]]]:
    """Starts `bin/dev` on data of its own; gives the process and its log."""
    started: list[subprocess.Popen[bytes]] = []

    def run(**settings: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = tmp_path / f"dev-{len(started)}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        environment |= {"PORT": str(port), "CELERIAC_DATA_DIR": str(tmp_path / "data")} | settings
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROJECT / "bin/dev"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process, log

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    orphans.stop(tmp_path / "data")


def one_line(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.wait(120) != 0
    lines = [
        line for line in log.read_text().splitlines() if line.startswith("bin/dev:") or "CELERIAC_" in line
    ]
    assert len(lines) == 1, log.read_text()
    return lines[0]


def test_a_taken_port_is_said_in_one_line(bin_dev: Callable[..., Any], port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert f"port {port}" in one_line(*bin_dev())


@pytest.mark.parametrize(  # one that bin/dev reads, one of those that tests/test_config.py tries
    ("settings", "words"),
    [
        ({"PORT": "70000"}, "1 to 65535"),
        ({"CELERIAC_TIMEZONE": "Mars/Olympus"}, "CELERIAC_TIMEZONE=Mars/Olympus"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(
    bin_dev: Callable[..., Any], settings: dict[str, str], words: str
) -> None:
    assert words in one_line(*bin_dev(**settings))


def test_a_data_folder_that_cannot_be_used_is_said_in_one_line(
    bin_dev: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "data" / "dev.lock").mkdir(parents=True)
    assert "CELERIAC_DATA_DIR=" in one_line(*bin_dev(CELERIAC_DATA_DIR=str(tmp_path / "file")))
    assert "cannot write in" in one_line(*bin_dev())


def test_a_second_start_on_the_same_data_is_refused(bin_dev: Callable[..., Any], tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "dev.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "already running" in one_line(*bin_dev())
