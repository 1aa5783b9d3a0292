"""Tasks on folders of images."""

from pathlib import Path
from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.library.folders import input_folder, output_folder

Folder = Annotated[Path, Field(description="Folder with the images")]
Output = Annotated[
    Path, Field(description="Folder for the new images, made when missing; same names are replaced")
]
Pattern = Annotated[
    str,
    Field(pattern=r"^[^/\\]+$", max_length=200, description="Which file names, with * and ? as in a shell"),
]
Quality = Annotated[int, Field(ge=1, le=100, description="Quality of JPEG and WebP, 100 is best")]
NewFormat = Annotated[Literal["keep", "jpeg", "png", "webp"], Field(description="Format of the new images")]


@shared_task(name="images.resize_folder", bind=True, soft_time_limit=3600, time_limit=3660)
def resize_folder(
    self: CeleriacTask,
    folder: Folder = Path("images"),
    output: Output = Path("resized"),
    width: Annotated[
        int | None, Field(ge=1, le=20_000, description="Width in pixels; empty: follows the height")
    ] = 800,
    height: Annotated[
        int | None, Field(ge=1, le=20_000, description="Height in pixels; empty: follows the width")
    ] = None,
    fit: Annotated[
        Literal["inside", "cover", "stretch"],
        Field(
            description="inside: all of it in the box; cover: fill the box, cut the edges; stretch: exactly"
        ),
    ] = "inside",
    format: NewFormat = "keep",
    quality: Quality = 85,
    pattern: Pattern = "*",
    enlarge: Annotated[bool, Field(description="Also make small images larger")] = False,
) -> dict[str, Any]:
    """Resize or convert every image of a folder.

    Copies go to another folder; the originals stay as they are. Images are turned upright. With width and
    height empty only the format changes. A file that cannot be read is named in the result and does not
    stop the others; the run fails only when no image at all could be changed. Subfolders are left alone.
    """
    from app.library.images import pictures

    change = pictures.PictureChange(width, height, fit, format, quality, enlarge)
    return _change_folder(self, folder, output, pattern, change)


@shared_task(name="images.make_thumbnails", bind=True, soft_time_limit=3600, time_limit=3660)
def make_thumbnails(
    self: CeleriacTask,
    folder: Folder = Path("images"),
    output: Output = Path("thumbnails"),
    size: Annotated[int, Field(ge=16, le=2048, description="Longest side in pixels")] = 256,
    square: Annotated[bool, Field(description="Cut to a square instead of keeping the shape")] = False,
    format: NewFormat = "jpeg",
    quality: Quality = 80,
    pattern: Pattern = "*",
) -> dict[str, Any]:
    """Make a small copy of every image of a folder.

    Images are turned upright, and those that are small already are not enlarged. A file that cannot be
    read is named in the result and does not stop the others. Subfolders are left alone.
    """
    from app.library.images import pictures

    change = pictures.PictureChange(size, size, "cover" if square else "inside", format, quality)
    return _change_folder(self, folder, output, pattern, change)


def _change_folder(
    task: CeleriacTask, folder: Path, output: Path, pattern: str, change: Any
) -> dict[str, Any]:
    from app.library.images import pictures

    files = pictures.find_images(input_folder(folder), pattern)
    target = output_folder(output)
    outcome = pictures.change_all(files, target, change, task.progress)
    return {
        "output": str(target),
        "images": len(outcome.written),
        "written": outcome.written[:100],
        "failed": outcome.failed,
        "bytes_before": outcome.bytes_before,
        "bytes_after": outcome.bytes_after,
    }
