"""The snippets of README and docs, in the order of their pages."""

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
# As one reads them: what others rely on comes first, what stops everything last.
# A backup is restored between two starts.
FIRST = ["README.md", "docs/backup.md", "docs/own-tasks.md", "docs/demo/README.md", "docs/api.md"]
LAST = ["docs/operation.md"]

RUN = {"sh", "python", "yaml", "sql"}
SHOWN = {"text", "json", "ini", "nginx"}  # output, answers, and files of other programs

_FENCE = re.compile(r"^( *)```(\w*)\s*$")
_REMARK = re.compile(r"^ *<!-- (.*) -->\s*$")


@dataclass(frozen=True)
class Snippet:
    """A fenced block, and what the comment above it says."""

    page: str
    line: int
    language: str
    text: str
    remark: str

    @property
    def not_run(self) -> str:
        """Why it is not run, if it is not."""
        return self.remark.removeprefix("not run: ") if self.remark.startswith("not run: ") else ""

    @property
    def file(self) -> str:
        """The file that it is to be saved in: named by a comment in its first line."""
        found = re.match(r"# (\S+\.(?:py|yaml))\s*$", self.text.split("\n")[0])
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


TRANSLATED = {  # what stands there is the same, in another language: their snippets are not run again
    "docs/zh/README.md": "README.md",
    "docs/zh/demo.md": "docs/demo/README.md",
    "docs/zh/existing-project.md": "docs/existing-project.md",
    "docs/zh/own-tasks.md": "docs/own-tasks.md",
    "docs/zh/queues.md": "docs/queues.md",
    "docs/zh/runs.md": "docs/runs.md",
    "docs/zh/schedules.md": "docs/schedules.md",
    "docs/zh/sign-in.md": "docs/sign-in.md",
}


def pages() -> list[str]:
    found = {str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").rglob("*.md")} - {*TRANSLATED}
    return [*FIRST, *sorted(found - {*FIRST, *LAST}), *LAST]


def snippets(page: str) -> list[Snippet]:
    found, opened, remark = [], None, ""
    lines: list[str] = []
    for number, line in enumerate((PROJECT / page).read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if opened and fence:
            start, indent, language = opened
            text = "\n".join(one.removeprefix(indent) for one in lines)
            found.append(Snippet(page, start, language, text + "\n", remark))
            opened, remark = None, ""
        elif opened:
            lines.append(line)
        elif fence:
            opened, lines = (number, fence[1], fence[2]), []
        elif told := _REMARK.match(line):
            remark = told[1]
        elif line.strip():
            remark = ""
    assert opened is None, f"{page}: a block that begins in line {opened} does not end"
    return found
