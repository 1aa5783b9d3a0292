"""Converting videos with a real ffmpeg, where there is one; the error where there is none."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.library.video import convert, ffmpeg, thumbnail

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of picture and sound, with odd sides."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=3:size=161x121:rate=10",
         "-f", "lavfi", "-i", "sine=duration=3", "-c:v", "mjpeg", "-c:a", "pcm_s16le", str(path)],
        check=True,
    )  # fmt: skip
    return path


@pytest.fixture
def video(clip: Path, root: Path) -> Path:
    return Path(shutil.copy(clip, root / "clip.avi"))


def streams(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, check=True
    )
    return {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}


@needs_ffmpeg
@pytest.mark.parametrize(("name", "codec"), [("new.mp4", "h264"), ("new.mkv", "h264"), ("new.webm", "vp9")])
def test_a_video_is_converted(run: Any, root: Path, video: Path, name: str, codec: str) -> None:
    result = run(convert, source="clip.avi", output=name, quality=40)
    found = streams(root / name)
    assert (found["video"]["codec_name"], found["video"]["width"], found["video"]["height"]) == (
        codec,
        160,
        120,
    )
    assert "audio" in found
    assert result["duration_seconds"] == pytest.approx(3, abs=0.2)
    assert result["bytes_after"] == (root / name).stat().st_size
    assert sorted(os.listdir(root)) == ["clip.avi", name]


@needs_ffmpeg
def test_height_and_sound(run: Any, root: Path, video: Path) -> None:
    run(convert, source="clip.avi", output="small.mp4", height=61, audio="remove")
    found = streams(root / "small.mp4")
    assert (found["video"]["height"], list(found)) == (60, ["video"])


@needs_ffmpeg
def test_a_thumbnail(run: Any, root: Path, video: Path) -> None:
    run(thumbnail, source="clip.avi", output="t.png", at_seconds=1.5, width=80)
    with Image.open(root / "t.png") as image:
        assert (image.format, image.size) == ("PNG", (80, 60))
    run(thumbnail, source="clip.avi", output="t.jpg", at_seconds=0)
    with Image.open(root / "t.jpg") as image:
        assert image.format == "JPEG"


@needs_ffmpeg
@pytest.mark.parametrize("moment", [3.0, 3.5, 60])
def test_a_moment_at_or_after_the_end_is_an_error(run: Any, root: Path, video: Path, moment: float) -> None:
    with pytest.raises((ValueError, ffmpeg.ConversionFailed), match="no picture at"):
        run(thumbnail, source="clip.avi", output="t.png", at_seconds=moment)
    assert os.listdir(root) == ["clip.avi"]


@needs_ffmpeg
def test_what_is_no_video_is_refused_and_leaves_nothing(run: Any, root: Path) -> None:
    (root / "fake.mp4").write_bytes(b"not a video")
    with pytest.raises(ffmpeg.ConversionFailed, match=r"fake\.mp4 is not a video"):
        run(convert, source="fake.mp4", output="new.mp4")
    assert os.listdir(root) == ["fake.mp4"]


@needs_ffmpeg
def test_a_playlist_cannot_reach_other_files(run: Any, root: Path, video: Path) -> None:
    """A file that ffmpeg would read as a list of further files and addresses."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:5", "#EXTINF:2,", f"file:{video}", "#EXT-X-ENDLIST", ""]
    for name in ("list.m3u8", "list.mp4"):
        (root / name).write_text("\n".join(lines))
        with pytest.raises(ffmpeg.ConversionFailed, match="whitelist"):
            run(convert, source=name, output="new.mp4")


@needs_ffmpeg
def test_odd_file_names_are_only_names(run: Any, root: Path, video: Path) -> None:
    for name in ("-y.avi", "a b;touch evil.avi", "%d.avi", "http:x.avi", "ü'\".avi"):
        shutil.copy(video, root / name)
        run(thumbnail, source=name, output=f"{name}.png")
        assert (root / f"{name}.png").stat().st_size > 0
    assert not (root / "evil").exists()


@needs_ffmpeg
def test_progress_counts_the_seconds(video: Path, tmp_path: Path) -> None:
    seen: list[tuple[float, float | None]] = []
    ffmpeg.run(
        [*ffmpeg.input_options(video), "-f", "null", "-"],
        3.0,
        lambda now, total=None, message="": seen.append((now, total)),
    )
    assert seen[-1][0] == pytest.approx(3, abs=0.3)
    assert [now for now, _ in seen] == sorted(now for now, _ in seen)
    assert all(now <= 3 and total == 3 for now, total in seen)


@needs_ffmpeg
def test_ffmpeg_ends_when_its_worker_is_killed(video: Path) -> None:
    script = (
        "import sys; from app.library.video import ffmpeg\n"
        "def show(*a): print('going', flush=True)\n"
        "endless = ['-re', '-stream_loop', '-1', '-i', 'file:' + sys.argv[1], '-f', 'null', '-']\n"
        "ffmpeg.run(endless, None, show)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(video)], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while alive := [pid for pid in children if is_alive(pid)]:
        assert time.monotonic() < deadline, f"ffmpeg {alive} goes on"
        time.sleep(0.05)


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_ffmpeg_the_error_says_what_to_install(
    run: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "clip.avi").write_bytes(b"x")
    monkeypatch.setenv("PATH", str(root))
    for task, output in ((convert, "new.mp4"), (thumbnail, "t.png")):
        with pytest.raises(ffmpeg.ProgramMissing, match="not installed on this worker's machine"):
            run(task, source="clip.avi", output=output)


def test_paths_are_checked_before_anything_runs(run: Any, root: Path) -> None:
    (root / "clip.mp4").write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        run(convert, source="none.avi", output="new.mp4")
    with pytest.raises(PermissionError):
        run(convert, source="clip.mp4", output="/tmp/new.mp4")
    with pytest.raises(ValueError, match=r"must end in \.mp4 or \.mkv or \.webm"):
        run(convert, source="clip.mp4", output="new.exe")
    with pytest.raises(ValueError, match="must not be the one"):
        run(convert, source="clip.mp4", output="clip.mp4")


def test_ffmpegs_progress_is_read() -> None:
    assert ffmpeg.read_progress("out_time_us=1500000\n") == 1.5
    assert ffmpeg.read_progress("out_time_us=-100\n") == 0
    for line in ("out_time_us=N/A", "frame=1", "progress=end", "", "out_time_us="):
        assert ffmpeg.read_progress(line) is None


@given(st.text(max_size=40))
def test_no_line_of_output_breaks_the_reading(line: str) -> None:
    seconds = ffmpeg.read_progress(line)
    assert seconds is None or seconds >= 0
