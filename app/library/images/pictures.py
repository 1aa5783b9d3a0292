"""Resizes and converts image files with Pillow; one file that fails does not stop the others."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from celery.exceptions import SoftTimeLimitExceeded
from PIL import Image, ImageOps

from app.library.folders import replacing
from app.library.progress import Progress

Fit = Literal["inside", "cover", "stretch"]
Format = Literal["keep", "jpeg", "png", "webp"]
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
# Whatever the name says, no other decoder is tried: some start other programs.
DECODERS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
# A file of some kilobytes can unpack to gigabytes. Opened, this many pixels take up to half a gigabyte.
MAX_PIXELS = 120_000_000


@dataclass(frozen=True)
class PictureChange:
    """What to do with each image; a side that is None follows from the other."""

    width: int | None
    height: int | None
    fit: Fit = "inside"
    format: Format = "keep"
    quality: int = 85
    enlarge: bool = False


@dataclass
class PictureResult:
    """What became of a folder: names written, and the error of each file that failed."""

    written: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    bytes_before: int = 0
    bytes_after: int = 0


def find_images(folder: Path, pattern: str) -> list[Path]:
    """The image files of a folder whose names match, by name; raises `FileNotFoundError` when none does."""
    files = sorted(
        path
        for path in folder.iterdir()
        if fnmatch(path.name, pattern)
        and path.suffix.lower() in READABLE
        and not path.name.startswith(".")
        and path.is_file()
        and not path.is_symlink()
    )
    if not files:
        raise FileNotFoundError(f"No image in {folder} matches {pattern}")
    return files


def plan(files: Iterable[Path], image_format: Format) -> list[tuple[Path, str]]:
    """Each file with the name it will get; files that would share one get numbers, always the same."""
    planned: list[tuple[Path, str]] = []
    taken: set[str] = set()
    for path in files:
        suffix = path.suffix.lower() if image_format == "keep" else SUFFIXES[image_format]
        name, number = path.stem + suffix, 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem}_{number}{suffix}"
        taken.add(name.lower())
        planned.append((path, name))
    return planned


def change_all(
    files: Sequence[Path], output: Path, change: PictureChange, progress: Progress
) -> PictureResult:
    """Write a changed copy of each file into `output`.

    Raises `ValueError` when `output` holds the originals, or when not one of the files could be changed.
    """
    if any(path.parent == output for path in files):
        raise ValueError(f"The output folder {output} holds the originals; name another one")
    outcome = PictureResult()
    for number, (path, name) in enumerate(plan(files, change.format), start=1):
        try:
            change_one(path, output / name, change)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything for a broken file
            outcome.failed[path.name] = str(error) or type(error).__name__
        else:
            outcome.written.append(name)
            outcome.bytes_before += path.stat().st_size
            outcome.bytes_after += (output / name).stat().st_size
        progress(number, len(files), path.name)
    if not outcome.written:
        raise ValueError(
            "Not one image could be changed: " + "; ".join(f"{f}: {e}" for f, e in outcome.failed.items())
        )
    return outcome


def change_one(source: Path, target: Path, change: PictureChange) -> None:
    """Write a changed copy of one image, turned upright as its EXIF data says."""
    with _opened(source) as opened:
        _check_pixels(target_size(opened.size, change), "would have")
        image = ImageOps.exif_transpose(opened)
        image = _sized(image, change)
        kind = (opened.format or "png").lower() if change.format == "keep" else change.format
        with replacing(target) as draft:
            _saveable(image, kind).save(draft, **_options(kind, change.quality))


def _opened(source: Path) -> Image.Image:
    """The image, of which nothing but its header is read so far; raises `ValueError` for too many pixels."""
    try:
        with warnings.catch_warnings():  # from half as many on, of Pillow's own limit; ours is said below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(source, formats=DECODERS)
    except Image.DecompressionBombError:
        raise ValueError(f"The image has far too many pixels; allowed: {MAX_PIXELS:,}") from None
    try:
        _check_pixels(opened.size, "has")
    except ValueError:
        opened.close()
        raise
    return opened


def _check_pixels(size: tuple[int, int], verb: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(
            f"The image {verb} {size[0]} by {size[1]} pixels, {size[0] * size[1]:,} in all; "
            f"allowed: {MAX_PIXELS:,}"
        )


def target_size(size: tuple[int, int], change: PictureChange) -> tuple[int, int]:
    """The size that an image of `size` gets; `cover` fills the box and is then cut to it."""
    width, height = size
    if change.fit == "stretch":
        return change.width or width, change.height or height
    scales = [
        length / side
        for length, side in ((change.width, width), (change.height, height))
        if length is not None
    ]
    scale = (max if change.fit == "cover" else min)(scales, default=1.0)
    if scale > 1 and not change.enlarge:
        scale = 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))


def _sized(image: Image.Image, change: PictureChange) -> Image.Image:
    if image.mode in ("P", "1"):  # a palette cannot be blended
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    size = target_size(image.size, change)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    if change.fit != "cover":
        return image
    box = min(change.width or size[0], size[0]), min(change.height or size[1], size[1])
    left, top = (size[0] - box[0]) // 2, (size[1] - box[1]) // 2
    return image.crop((left, top, left + box[0], top + box[1]))


def _saveable(image: Image.Image, kind: str) -> Image.Image:
    """The image in a mode that the format can hold; JPEG knows no transparency, so white shows through."""
    if kind not in ("jpeg", "mpo") or image.mode in ("RGB", "L", "CMYK"):
        return image
    if "A" not in image.getbands():
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    paper = Image.new("RGB", rgba.size, "white")
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper


def _options(kind: str, quality: int) -> dict[str, Any]:
    if kind in ("jpeg", "mpo"):
        return {"format": "jpeg", "quality": quality, "optimize": True}
    if kind == "webp":
        return {"format": "webp", "quality": quality}
    return {"format": kind, "optimize": True} if kind == "png" else {"format": kind}
