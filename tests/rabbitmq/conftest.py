"""A real RabbitMQ for the tests of this folder; where none is installed they are skipped."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from kombu import Connection

from app import broker, create_app
from app.broker.rabbitmq import server
from app.config import Settings
from app.extensions import db

DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in the PATH changes to a user of its own
START_SECONDS = 240
SPINNING = ("+sbwt", "+sbwtdcpu", "+sbwtdio")


class Server:
    """A RabbitMQ with data, ports and port mapper of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, distribution, mapper = (free_port() for _ in range(3))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        plugins = folder / "plugins"
        plugins.write_text("[].")
        (folder / "home").mkdir()
        self._environment = os.environ | {
            "HOME": str(folder / "home"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODENAME": f"celeriac-{self.port}@localhost",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # Few threads, which do not spin while they have nothing to do.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S 1 +SDio 1 +A 1 {' none '.join(SPINNING)} none",
        }
        self._mapper = self._run("epmd", "-port", str(mapper))
        self._node: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._node = self._run(str(DEBIAN) if DEBIAN.exists() else "rabbitmq-server")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """As when the power fails."""
        if self._node is not None:
            os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait(60)
            self._node = None

    def close(self) -> None:
        self.kill()
        self._mapper.kill()
        self._mapper.wait(60)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,  # where it dumps what it holds when it is killed
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=1) as connection:
                connection.connect()
            return True
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("rabbitmq-server"):
        pytest.skip("no RabbitMQ: install rabbitmq-server")
    node = Server(tmp_path_factory.mktemp("rabbitmq"))
    node.start()
    yield node
    node.close()


@pytest.fixture(scope="session")
def app_on_rabbitmq(
    data_dir: Path, redis_server: str, rabbitmq_server: Server, make_ready: Callable[[Flask], None]
) -> Iterator[Flask]:
    settings = Settings(
        data_dir=data_dir,
        base_url="http://localhost",
        tasks=["sample_tasks"],
        broker_url=rabbitmq_server.url,
    )
    app = create_app(settings)
    make_ready(app)
    yield app
    app.extensions["celery"].close()


@pytest.fixture(scope="module")
def flask_app(database: str | None, app_on_rabbitmq: Flask) -> Iterator[Flask]:
    """In this folder the app's queues lie in RabbitMQ; everything else is where it is in the other tests."""
    yield app_on_rabbitmq
    with app_on_rabbitmq.app_context():
        server.reset()
        broker.reset()
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def empty_queues(app: Flask) -> None:
    """Each test begins with empty queues."""
    for queue in [*app.config["SETTINGS"].declared_queues, "elsewhere"]:
        server.empty(queue)


@pytest.fixture
def processes(processes: Any, rabbitmq_server: Server) -> Any:
    """Workers and recorders that find their queues in RabbitMQ."""
    processes.environment |= {"CELERIAC_BROKER_URL": rabbitmq_server.url}
    return processes
