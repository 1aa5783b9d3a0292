"""Runs ffmpeg: always as a list of arguments, never through a shell, and never longer than its task."""

import ctypes
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.library.progress import Progress

# Containers only. Playlists (HLS, concat, …) name further files and addresses that ffmpeg would open.
CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,flv,asf,ogg,gif,wav,mp3,flac,aac,h264,hevc,mjpeg,dv,mxf"
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1  # prctl(2)
ERROR_MAX_CHARACTERS = 1_500


class ProgramMissing(RuntimeError):
    """A program that the task needs is not installed where the worker runs."""


class ConversionFailed(RuntimeError):
    """ffmpeg ended with an error; the message holds its last words."""


def find_program(name: str) -> str:
    """The path of ffmpeg or ffprobe; raises `ProgramMissing` with a hint."""
    path = shutil.which(name)
    if path is None:
        raise ProgramMissing(
            f"{name} is not installed on this worker's machine. "
            "Install ffmpeg (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg)."
        )
    return path


def input_options(source: Path) -> list[str]:
    """The options that open a local file, and nothing else that the file may refer to."""
    return ["-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS, "-i", f"file:{source}"]


def duration_seconds(source: Path) -> float | None:
    """How long a video lasts, or None when it does not say; raises `ConversionFailed` when it is none."""
    command = [find_program("ffprobe"), "-v", "error", "-show_entries", "format=duration", "-of", "json"]
    done = subprocess.run(  # noqa: S603  # a list of arguments, checked path
        [*command, *input_options(source)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise ConversionFailed(
            f"{source.name} is not a video that ffmpeg can read: {last_words(done.stderr)}"
        )
    value = json.loads(done.stdout).get("format", {}).get("duration")
    return float(value) if value else None


def run(arguments: Sequence[str], total_seconds: float | None, progress: Progress) -> None:
    """Run ffmpeg and report how far it is; it is stopped when this is interrupted."""
    command = [find_program("ffmpeg"), "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats"]
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(  # noqa: S603  # a list of arguments, never a shell
            [*command, "-progress", "pipe:1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=_end_with_parent if LIBC else None,
        )
        try:
            for line in process.stdout or ():
                seconds = read_progress(line)
                if seconds is not None:
                    progress(_at_most(seconds, total_seconds), total_seconds, f"{seconds:.0f} s done")
            code = process.wait()
        finally:
            process.kill()  # does nothing when it has ended by itself
            process.wait()
            if process.stdout:
                process.stdout.close()
        if code:
            errors.seek(0)
            raise ConversionFailed(f"ffmpeg failed: {last_words(errors.read())}")


def _end_with_parent() -> None:
    """Runs in the new process: the kernel kills ffmpeg when the worker's process is killed."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def read_progress(line: str) -> float | None:
    """The seconds of video done, from a line of ffmpeg's `-progress`; None for its other lines."""
    name, _, value = line.strip().partition("=")
    if name != "out_time_us" or not value.lstrip("-").isdecimal():  # "N/A" before the first frame
        return None
    return max(0.0, int(value) / 1_000_000)


def last_words(text: str) -> str:
    """The end of what a program wrote about its failure."""
    return text.strip()[-ERROR_MAX_CHARACTERS:] or "it did not say why"


def _at_most(seconds: float, total: float | None) -> float:
    return seconds if total is None else min(seconds, total)
