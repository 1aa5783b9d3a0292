"""Tasks on videos; they need ffmpeg on the worker's machine."""

from pathlib import Path
from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.library.folders import input_file, output_file, replacing

Source = Annotated[Path, Field(description="Video file to read")]

# Encoders by the output's suffix: ffmpeg's format, video and audio options without the quality.
ENCODERS = {
    ".mp4": ("mp4", ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"], "aac"),
    ".mkv": ("matroska", ["-c:v", "libx264", "-pix_fmt", "yuv420p"], "aac"),
    ".webm": ("webm", ["-c:v", "libvpx-vp9", "-b:v", "0", "-row-mt", "1"], "libopus"),
}


@shared_task(name="video.convert", bind=True, soft_time_limit=6 * 3600, time_limit=6 * 3600 + 60)
def convert(
    self: CeleriacTask,
    source: Source,
    output: Annotated[Path, Field(description="New file; its ending says the format: .mp4, .mkv or .webm")],
    height: Annotated[
        int | None, Field(ge=16, le=4320, description="Height in pixels; empty: as it is. The width follows")
    ] = None,
    quality: Annotated[
        int, Field(ge=0, le=51, description="0 is best and largest, 51 worst; 18 to 28 look well")
    ] = 23,
    audio: Annotated[Literal["keep", "remove"], Field(description="Whether the new file has sound")] = "keep",
) -> dict[str, Any]:
    """Convert a video to MP4, MKV or WebM.

    Needs ffmpeg on the worker's machine. The new file appears when it is complete and replaces one of the
    same name. Long films take long: the task is stopped after six hours.
    """
    from app.library.video import ffmpeg

    video = input_file(source)
    target = output_file(output, list(ENCODERS))
    if video == target:
        raise ValueError("The new file must not be the one that is read")
    total = ffmpeg.duration_seconds(video)
    container, encoder, audio_encoder = ENCODERS[target.suffix.lower()]
    sound = ["-an"] if audio == "remove" else ["-c:a", audio_encoder]
    # Encoders want even sides; -2 keeps the shape.
    scale = f"scale=-2:{height - height % 2}" if height else "scale=trunc(iw/2)*2:trunc(ih/2)*2"
    options = [*encoder, "-crf", str(quality), "-vf", scale, "-map", "0:v:0", "-map", "0:a:0?", *sound]
    with replacing(target) as draft:
        ffmpeg.run(
            [*ffmpeg.input_options(video), *options, "-f", container, f"file:{draft}"], total, self.progress
        )
    return {
        "output": str(target),
        "duration_seconds": total,
        "bytes_before": video.stat().st_size,
        "bytes_after": target.stat().st_size,
    }


@shared_task(name="video.thumbnail", bind=True, soft_time_limit=300, time_limit=330)
def thumbnail(
    self: CeleriacTask,
    source: Source,
    output: Annotated[Path, Field(description="New picture; its ending says the format: .jpg or .png")],
    at_seconds: Annotated[float, Field(ge=0, le=86_400, description="Which moment of the video")] = 1.0,
    width: Annotated[int, Field(ge=16, le=7680, description="Width in pixels; the height follows")] = 640,
) -> dict[str, Any]:
    """Take a picture out of a video.

    Needs ffmpeg on the worker's machine. A moment after the video's end is an error that says how long
    the video is.
    """
    from app.library.video import ffmpeg

    video = input_file(source)
    target = output_file(output, [".jpg", ".jpeg", ".png"])
    total = ffmpeg.duration_seconds(video)
    if total is not None and at_seconds > total:
        raise ValueError(f"The video lasts {total:.1f} seconds; there is no picture at {at_seconds:.1f}")
    with replacing(target) as draft:
        options = ["-frames:v", "1", "-vf", f"scale={width}:-2", "-q:v", "3", "-f", "image2", "-update", "1"]
        ffmpeg.run(
            ["-ss", str(at_seconds), *ffmpeg.input_options(video), *options, f"file:{draft}"],
            None,
            self.progress,
        )
        if not draft.exists():  # ffmpeg calls it success when the moment lies behind the last frame
            raise ffmpeg.ConversionFailed(f"The video has no picture at {at_seconds:.1f} seconds")
    return {"output": str(target), "at_seconds": at_seconds, "bytes": target.stat().st_size}
