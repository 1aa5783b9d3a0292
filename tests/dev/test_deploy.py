"""What deploy/ holds: units for systemd, an image and a compose file. Its script is tried in tests/docs."""

import json
import os
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from app.config import Settings

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
PROCESSES = {"web", "worker", "beat", "recorder"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/srv/celeriac/bin", str(PROJECT / "bin"))
        (tmp_path / path.name).write_text(text)
    units = sorted(tmp_path.iterdir())
    assert {unit.stem for unit in units} == {"celeriac", *(f"celeriac-{name}" for name in PROCESSES)}
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    said = [line for line in checked.stderr.splitlines() if "celeriac" in line]
    assert said == []


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-days", "1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    site = (DEPLOY / "nginx.conf").read_text()
    for name, path in (("privkey", key), ("fullchain", certificate)):
        site = re.sub(rf"/etc/letsencrypt/\S+/{name}\.pem", str(path), site)
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    checked = subprocess.run(["nginx", "-t", "-c", whole], capture_output=True, text=True, check=False)
    assert "syntax is ok" in checked.stderr, checked.stderr


@pytest.mark.skipif(not shutil.which("caddy"), reason="Caddy is not installed")
def test_caddy_takes_its_file() -> None:
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_compose_file_starts_every_process() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    assert services.keys() - {"postgres", "valkey", "migrate"} == PROCESSES
    for name in PROCESSES:
        assert services[name]["command"][0] == name
        assert services[name]["restart"] == "unless-stopped"
        if name != "web":
            assert health_check(name) == [f"{PROJECT}/bin/celeriac", "health", "--part", name]
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert [name for name in services.keys() - {"migrate"} if "healthcheck" not in services[name]] == []


def test_the_compose_file_is_as_the_specification_has_it() -> None:
    """By the schema of github.com/compose-spec/compose-spec (Apache License 2.0)."""
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    composed = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    checks = jsonschema_rs.validator_for(schema)
    assert [error.message for error in checks.iter_errors(composed)] == []
    composed["services"]["web"]["helthcheck"] = {}
    assert not checks.is_valid(composed)


def health_check(name: str) -> list[str]:
    """The command by which the compose file asks for the health of a process, for this folder."""
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    kind, *command = services[name]["healthcheck"]["test"]
    assert kind == "CMD"
    return [word.replace("/srv/celeriac", str(PROJECT)) for word in command]


def test_what_the_image_copies_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert (PROJECT / line).exists(), line
    assert text.index("USER 10001") < text.index("ENTRYPOINT")  # never as root


def test_the_image_can_back_up_the_database() -> None:
    """pg_dump refuses a server that is newer than itself."""
    server = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]["postgres"]["image"]
    client = re.search(r"apt-get install .* postgresql-client-(\d+) ", (DEPLOY / "Dockerfile").read_text())
    assert client
    assert server == f"postgres:{client[1]}"


def test_what_supervisor_restarts_has_the_settings_of_now(tmp_path: Path) -> None:
    """supervisord keeps the environment in which it was started; the file may have changed since."""
    supervised = ConfigParser(interpolation=None)
    supervised.read(DEPLOY / "supervisord.conf")
    commands = {name: supervised[f"program:{name}"]["command"] for name in PROCESSES}
    assert commands == {name: f"%(ENV_CELERIAC_PROCESSES)s run {name}" for name in PROCESSES}
    changed = tmp_path / "celeriac.env"
    changed.write_text("CELERIAC_CONCURRENCY=0\n")
    then = os.environ | {"CELERIAC_ENV": str(changed), "CELERIAC_CONCURRENCY": "2"}
    command = [DEPLOY / "processes", "run", "web"]
    done = subprocess.run(command, env=then, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "CELERIAC_CONCURRENCY=0" in done.stderr) == (1, True), done.stderr


def test_every_setting_of_the_files_exists() -> None:
    known = {f"CELERIAC_{name.upper()}" for name in Settings.model_fields} | {"CELERIAC_PYTHON"}
    own = {"CELERIAC_ENV", "CELERIAC_RUN", "CELERIAC_PROCESSES"}  # of deploy/processes itself
    for path in (file for file in DEPLOY.rglob("*") if file.is_file()):
        used = set(re.findall(r"CELERIAC_[A-Z_]+", path.read_text()))
        assert used - known - own == set(), path
