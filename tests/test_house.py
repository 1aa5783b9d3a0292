"""The house keeps its own rules: imports point downwards, and docs say what is there."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app import features
from app.config import Settings

PROJECT = Path(__file__).resolve().parent.parent
README = PROJECT / "README.md"

GROUND = "celeriac_agent"  # for the processes of others too: nothing of ours is imported there

# From the ground up; a room imports only from rows below its own, never from its own row.
ROWS = (
    (
        "config",
        "broker_urls",
        "short_cache",
        "clock",
        "errors",
        "extensions",
        "languages",
        "embedded_redis",
        "kept_secret",
        "app_names",
        "queue_names",
        "setting_values",
        "sign_in_settings",
        "text",
        "bulk",
    ),
    ("lists",),
    ("broker",),
    ("celery",),
    ("catalog",),
    ("audit", "heartbeats", "web"),
    ("accounts",),
    ("runs",),
    ("schedules", "workers", "workflows", "library"),
    ("files", "queues"),
    ("overview", "views", "brokers"),
    ("health",),
    ("alerts",),
    ("beat", "recorder", "own_tasks"),
    ("api",),
    ("pages", "cli"),
    ("dev",),
)
RANKS = {room: rank for rank, row in enumerate(ROWS) for room in row}
COMPOSERS = {"__init__", "features"}  # they put the app together and may import everything


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [PROJECT / line for line in listed.stdout.splitlines() if (PROJECT / line).exists()]


def modules() -> list[Path]:
    return [path for path in tracked("app/*.py") if "migrations" not in path.parts]


@cache
def imports(path: Path) -> set[str]:
    """The rooms of ours that a module imports, at its top or inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "app":
            below = node.module.split(".")[1:]
            found |= {below[0]} if below else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("app.")}
    return found


def test_imports_point_downwards() -> None:
    for path in modules():
        room = path.relative_to(PROJECT / "app").with_suffix("").parts[0]
        if room not in COMPOSERS:
            look_downwards(path, room)


def look_downwards(path: Path, room: str) -> None:
    assert room in RANKS, f"{room} has no place in the house: give it one in ROWS"
    beyond = imports(path) - {room} - ({"create_app", "features"} if room == "dev" else set())
    above = {other for other in beyond if RANKS.get(other, len(ROWS)) >= max(RANKS[room], 1)}
    names = ", ".join(sorted(above))
    assert not above, f"{path.relative_to(PROJECT)} imports {names}: {room} stands no higher"


@pytest.mark.parametrize("path", tracked(f"{GROUND}/*.py"), ids=lambda path: path.name)
def test_the_agent_needs_only_celery_and_redis(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in (one.split(".")[0] for one in names):
            allowed = {GROUND, "celery", "kombu", "redis"} | sys.stdlib_module_names
            assert name in allowed, f"{path.name} imports {name}"


def test_rooms_of_the_ground_form_no_circle() -> None:
    """They may use each other: one way."""
    ground = {name: imports(PROJECT / "app" / f"{name}.py") & set(ROWS[0]) for name in ROWS[0]}
    placed: set[str] = set()
    while ready := {name for name in ground.keys() - placed if ground[name] <= placed}:
        placed |= ready
    assert placed == set(ROWS[0])


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("croniter", {"schedules"}),
        (
            "redis",
            {
                "broker",
                "celery",
                "workers",
                "runs",
                "health",
                "web",
                "extensions",
                "accounts",
                "library",
                "beat",
                "heartbeats",
                "recorder",
                "cli",
                "setting_values",
                "schedules",
                "brokers",
            },
        ),
    ],
)
def test_a_library_is_used_only_in_its_rooms(name: str, allowed: set[str]) -> None:
    for path in modules():
        if not re.search(rf"\b(from|import)\s+{name}\b", source := path.read_text()):
            continue
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            if any(one.split(".")[0] == name for one in names):
                room = path.relative_to(PROJECT / "app").parts[0].removesuffix(".py")
                assert room in allowed, f"{path} uses {name}"


def test_the_top_level_is_what_was_chosen() -> None:
    chosen = (
        "app templates static tests wsgi.py celery_worker.py requirements.txt README.md bin docs deploy bench"
    )
    chosen += " celeriac_agent .ci .gitignore pyproject.toml requirements.in requirements-dev.txt"
    there = {str(path.relative_to(PROJECT)).split("/")[0] for path in tracked("*")}
    assert there - {".venv"} == set(chosen.split())


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text()
    missing = [name for name in Settings.model_fields if f"`{name.upper()}`" not in text]
    assert missing == []


def test_every_setting_says_why() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_room_has_its_line_in_the_guide() -> None:
    guide = (PROJECT / "docs/developing.md").read_text()
    rooms = {path.relative_to(PROJECT).parts[1] for path in tracked("app/*/*.py")}
    assert [room for room in sorted(rooms) if f"`app/{room}/`" not in guide] == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 100


def test_every_room_of_pages_and_api_is_a_feature() -> None:
    """One that is in no list is not there, and nothing else would say so."""
    rooms = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules()
        if path.parent.parts[-1] in ("pages", "api") or path.name == "__init__.py"
        if "\ndef init_app(" in path.read_text()
    }
    own = {name for name in rooms if name.split(".")[1] in ("pages", "api")}
    assert own - {*features.PAGES} == set()


def test_every_dependency_says_why() -> None:
    text = (PROJECT / "docs/developing.md").read_text().lower()
    lines = (PROJECT / "requirements.in").read_text().splitlines()
    names = [re.split(r"[\[=<>~ ;]", line)[0] for line in lines if line and not line.startswith(("#", "-"))]
    assert [name for name in names if name.lower() not in text] == []


def test_what_is_asked_for_is_pinned_with_hashes() -> None:
    development = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    asked = (PROJECT / "requirements.in").read_text().splitlines()
    for name, lines in (("requirements.txt", asked), ("requirements-dev.txt", [*asked, *development])):
        pinned = dict(
            re.findall(
                r"^([\w.-]+)==(\S+)(?: ; .*)? \\\n    --hash=sha256:", (PROJECT / name).read_text(), re.M
            )
        )
        for line in lines:
            if line and not line.startswith("#"):
                wanted = Requirement(line)
                version = pinned.get(canonicalize_name(wanted.name), "none")
                assert version != "none", f"{name} lacks {line}: run bin/lock"
                assert version in wanted.specifier, f"{name} has {version}, wanted is {line}: run bin/lock"


def test_every_page_of_the_docs_is_linked() -> None:
    texts = {path: path.read_text() for path in [README, *tracked("docs/*.md")]}
    for path in tracked("docs/*.md"):
        assert any(path.name in text for other, text in texts.items() if other != path), (
            f"nothing links {path}"
        )


def test_every_link_between_docs_leads_somewhere() -> None:
    for path in [README, *tracked("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path}: {target}"


def test_every_place_where_to_look_is_there() -> None:
    """Docs for who carries on name modules and folders: those of today."""
    text = (PROJECT / "docs/developing.md").read_text()
    tables = text[text.index("## Where to look") : text.index("## How to add")]
    named = {
        word
        for line in tables.splitlines()
        if line.startswith("| `") or ".py`" in line
        for word in re.findall(r"`([a-z_][a-z_./]+)`", line)
    }
    there = {f"/{path.relative_to(PROJECT)}" for path in [*tracked("*")]}
    there |= {f"{parent}/" for path in there for parent in map(str, Path(path).parents)}
    assert [
        word
        for word in sorted(named - {"celery_app"})
        if not any(path.endswith((f"/{word}", f"/{word}.py", f"/{word}/")) for path in there)
    ] == []


def test_every_template_is_used() -> None:
    code = "\n".join(path.read_text() for path in [*modules(), *tracked("templates/*.html")])
    names = [str(path.relative_to(PROJECT / "templates")) for path in tracked("templates/*.html")]
    assert [name for name in names if f'"{name}"' not in code and f"'{name}'" not in code] == []


def test_templates_hold_no_inline_script_or_style() -> None:
    """The content security policy forbids them."""
    forbidden = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son[a-z]+=\"")
    assert [str(path) for path in tracked("templates/*.html") if forbidden.search(path.read_text())] == []


def test_lines_of_templates_styles_and_scripts_are_short() -> None:
    """`bin/format` breaks the lines of templates, but not a long text or expression among attributes."""
    paths = [*tracked("templates/*.html"), *tracked("static/*.css"), *tracked("static/*.js")]
    assert [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in paths
        if "vendor" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 140
    ] == []


# Names of styles that are put together: state-{{ kind }}, no-{{ column }}, room-{{ slots }} …
MADE_UP = re.compile(r"\.(state|no|of|room|grow)-[\w-]+|#cron-\w+|\.deploy")


def test_every_style_is_used() -> None:
    """A rule for a name that nothing has says something that does not hold."""
    pages = [*tracked("templates/*.html"), *tracked("static/*.js"), *modules()]
    there = set(re.findall(r"[\w-]+", "\n".join(path.read_text() for path in pages)))
    style = re.sub(r"/\*.*?\*/|\[[^\]]*\]", "", (PROJECT / "static/app.css").read_text(), flags=re.S)
    named = {
        name for rule in re.findall(r"([^{}]+)\{", style) for name in re.findall(r"[.#][a-zA-Z_][\w-]*", rule)
    }
    assert [name for name in sorted(named) if name[1:] not in there and not MADE_UP.fullmatch(name)] == []


def test_the_contents_of_the_styles_are_its_sections() -> None:
    text = (PROJECT / "static/app.css").read_text()
    contents = re.findall(r"^ +(\d+\. .+?)(?: \*/)?$", text[: text.index("*/") + 2], re.M)
    assert contents == re.findall(r"^/\* (\d+\. .+?) -+ \*/$", text, re.M)


def test_scripts_can_be_run() -> None:
    for name in ("bin/dev", "bin/test", "bin/format", "bin/celeriac", ".ci/run"):
        assert (PROJECT / name).stat().st_mode & 0o111, name
