"""Resizing, converting and thumbnails, with real images."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.library.images import make_thumbnails, resize_folder
from app.library.images.pictures import PictureChange, find_images, plan, target_size


@pytest.fixture
def photos(root: Path) -> Path:
    folder = root / "photos"
    folder.mkdir()
    Image.new("RGB", (400, 200), "red").save(folder / "wide.jpg")
    Image.new("RGB", (200, 400), "blue").save(folder / "tall.png")
    return folder


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            found[path.name] = image.size
    return found


def test_images_are_resized_into_another_folder(run: Any, root: Path, photos: Path) -> None:
    result = run(resize_folder, folder="photos", output="small", width=100)
    assert sizes(root / "small") == {"tall.png": (100, 200), "wide.jpg": (100, 50)}
    assert sizes(photos) == {"tall.png": (200, 400), "wide.jpg": (400, 200)}
    assert (result["images"], result["failed"], result["output"]) == (2, {}, str(root / "small"))
    assert 0 < result["bytes_after"] < result["bytes_before"]


@pytest.mark.parametrize(
    ("fit", "expected"),
    [("inside", {"tall.png": (50, 100), "wide.jpg": (100, 50)}),
     ("cover", {"tall.png": (100, 100), "wide.jpg": (100, 100)}),
     ("stretch", {"tall.png": (100, 100), "wide.jpg": (100, 100)})],
)  # fmt: skip
def test_ways_to_fit(run: Any, root: Path, photos: Path, fit: str, expected: dict[str, Any]) -> None:
    run(resize_folder, folder="photos", output="out", width=100, height=100, fit=fit)
    assert sizes(root / "out") == expected


def test_small_images_grow_only_when_asked(run: Any, root: Path, photos: Path) -> None:
    run(resize_folder, folder="photos", output="a", width=800)
    assert sizes(root / "a")["wide.jpg"] == (400, 200)
    run(resize_folder, folder="photos", output="b", width=800, enlarge=True)
    assert sizes(root / "b")["wide.jpg"] == (800, 400)


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_formats_are_converted(run: Any, root: Path, photos: Path, name: str, kind: str) -> None:
    run(resize_folder, folder="photos", output="out", width=None, format=name)
    for path in (root / "out").iterdir():
        with Image.open(path) as image:
            assert image.format == kind


def test_lower_quality_makes_smaller_files(run: Any, root: Path) -> None:
    noise = Image.effect_noise((300, 300), 90)
    (root / "n").mkdir()
    noise.save(root / "n" / "noise.png")
    best = run(resize_folder, folder="n", output="best", format="jpeg", quality=95)
    worst = run(resize_folder, folder="n", output="worst", format="jpeg", quality=10)
    assert worst["bytes_after"] < best["bytes_after"] / 2


def test_transparency_becomes_white_in_jpeg_and_stays_in_png(run: Any, root: Path) -> None:
    (root / "t").mkdir()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(root / "t" / "clear.png")
    palette = Image.new("P", (50, 50))
    palette.info["transparency"] = 0
    palette.save(root / "t" / "palette.gif", transparency=0)
    run(resize_folder, folder="t", output="j", width=20, format="jpeg")
    for name in ("clear.jpg", "palette.jpg"):
        with Image.open(root / "j" / name) as image:
            assert image.getpixel((10, 10)) == (255, 255, 255)
    run(resize_folder, folder="t", output="p", width=20, format="png")
    with Image.open(root / "p" / "clear.png") as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_every_mode_can_become_jpeg(run: Any, root: Path, mode: str) -> None:
    (root / "m").mkdir()
    Image.new(mode, (40, 40)).save(root / "m" / "x.tif")
    assert run(resize_folder, folder="m", output="o", width=20, format="jpeg")["failed"] == {}
    assert sizes(root / "o") == {"x.jpg": (20, 20)}


def test_an_image_that_lies_on_its_side_is_turned(run: Any, root: Path) -> None:
    (root / "e").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(root / "e" / "phone.jpg", exif=exif)
    run(resize_folder, folder="e", output="o", width=100)
    assert sizes(root / "o") == {"phone.jpg": (100, 200)}
    with Image.open(root / "o" / "phone.jpg") as image:
        assert 0x0112 not in image.getexif()


def test_a_broken_image_is_named_and_does_not_stop_the_rest(run: Any, root: Path, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"this is no image")
    (photos / "cut.jpg").write_bytes((photos / "wide.jpg").read_bytes()[:300])
    (photos / "empty.png").write_bytes(b"")
    result = run(resize_folder, folder="photos", output="out", width=100)
    assert result["images"] == 2
    assert sorted(result["failed"]) == ["broken.jpg", "cut.jpg", "empty.png"]
    assert "identify" in result["failed"]["broken.jpg"]
    assert sorted(sizes(root / "out")) == ["tall.png", "wide.jpg"]


def test_when_no_image_can_be_changed_the_run_fails(run: Any, root: Path) -> None:
    (root / "b").mkdir()
    (root / "b" / "broken.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"Not one image could be changed: broken\.png"):
        run(resize_folder, folder="b", output="o")


def test_originals_are_never_overwritten(run: Any, root: Path, photos: Path) -> None:
    before = (photos / "wide.jpg").read_bytes()
    for output in ("photos", "photos/../photos", str(photos)):
        with pytest.raises(ValueError, match="holds the originals"):
            run(resize_folder, folder="photos", output=output, width=10)
    assert (photos / "wide.jpg").read_bytes() == before


def test_folders_that_are_missing_empty_or_outside(run: Any, root: Path, photos: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        run(resize_folder, folder="none")
    with pytest.raises(FileNotFoundError, match=r"No image .* matches \*\.webp"):
        run(resize_folder, folder="photos", pattern="*.webp")
    with pytest.raises(PermissionError):
        run(resize_folder, folder="/etc")
    with pytest.raises(PermissionError):
        run(resize_folder, folder="photos", output="/tmp/somewhere")


def test_the_pattern_chooses_and_links_and_folders_are_left_alone(root: Path, photos: Path) -> None:
    (photos / "sub.jpg").mkdir()
    (photos / "link.jpg").symlink_to(photos / "wide.jpg")
    (photos / ".hidden.jpg").write_bytes((photos / "wide.jpg").read_bytes())
    (photos / "notes.txt").write_text("x")
    assert [path.name for path in find_images(photos, "*")] == ["tall.png", "wide.jpg"]
    assert [path.name for path in find_images(photos, "w*")] == ["wide.jpg"]


def test_thumbnails(run: Any, root: Path, photos: Path) -> None:
    run(make_thumbnails, folder="photos", output="t", size=64)
    assert sizes(root / "t") == {"tall.jpg": (32, 64), "wide.jpg": (64, 32)}
    run(make_thumbnails, folder="photos", output="s", size=64, square=True, format="keep")
    assert sizes(root / "s") == {"tall.png": (64, 64), "wide.jpg": (64, 64)}


def test_the_demo_images(run: Any, root: Path) -> None:
    result = run(make_thumbnails)
    assert (result["images"], result["failed"]) == (6, {})
    assert sizes(root / "thumbnails")["poster.jpg"] == (171, 256)  # stored lying on its side


def test_names_that_collide_get_numbers() -> None:
    files = [Path("a.jpg"), Path("a.png"), Path("A.webp"), Path("a_2.gif")]
    assert [name for _, name in plan(files, "jpeg")] == ["a.jpg", "a_2.jpg", "A_3.jpg", "a_2_2.jpg"]
    assert [name for _, name in plan(files, "keep")] == ["a.jpg", "a.png", "A.webp", "a_2.gif"]


SIDE = st.integers(1, 5000)


@given(st.tuples(SIDE, SIDE), st.none() | SIDE, st.none() | SIDE, st.booleans())
def test_an_image_fits_inside_the_box_and_keeps_its_shape(
    size: tuple[int, int], width: int | None, height: int | None, enlarge: bool
) -> None:
    new = target_size(size, PictureChange(width, height, enlarge=enlarge))
    assert new[0] >= 1
    assert new[1] >= 1
    assert width is None or new[0] <= width
    assert height is None or new[1] <= height
    assert enlarge or (new[0] <= size[0] and new[1] <= size[1])
    scale = min(
        [side / old for side, old in zip((width, height), size, strict=True) if side] + [1.0] * (not enlarge),
        default=1.0,
    )
    for side, old in zip(new, size, strict=True):
        assert side == 1 or abs(side - old * scale) <= 0.5001


@given(st.tuples(SIDE, SIDE), SIDE, SIDE)
def test_an_image_covers_the_box(size: tuple[int, int], width: int, height: int) -> None:
    new = target_size(size, PictureChange(width, height, "cover", enlarge=True))
    assert new[0] >= width
    assert new[1] >= height
    assert new[0] == width or new[1] == height


def bomb(width: int, height: int) -> bytes:
    """A PNG of one grey tone, as large as it says: some kilobytes that unpack to gigabytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 200))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((12_001, 10_000), "has 12001 by 10000 pixels, 120,010,000 in all; allowed: 120,000,000"),
        ((60_000, 60_000), "has far too many pixels; allowed: 120,000,000"),
    ],
)
def test_an_image_with_too_many_pixels_is_named_and_does_not_stop_the_others(
    run: Any, root: Path, photos: Path, size: tuple[int, int], words: str
) -> None:
    (photos / "bomb.png").write_bytes(bomb(*size))
    result = run(make_thumbnails, folder="photos", output="out", size=100)
    assert sorted(sizes(root / "out")) == ["tall.jpg", "wide.jpg"]
    assert list(result["failed"]) == ["bomb.png"]
    assert words in result["failed"]["bomb.png"]


def test_no_image_is_made_too_large(run: Any, root: Path, photos: Path) -> None:
    with pytest.raises(ValueError, match=r"would have 20000 by 20000 pixels"):
        run(
            resize_folder,
            folder="photos",
            output="out",
            width=20_000,
            height=20_000,
            fit="stretch",
            enlarge=True,
        )
    assert list((root / "out").iterdir()) == []


def test_only_images_are_opened_whatever_they_are_called(run: Any, root: Path, photos: Path) -> None:
    """A file named .png that is PostScript would be given to Ghostscript."""
    (photos / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    result = run(make_thumbnails, folder="photos", output="out")
    assert "cannot identify" in result["failed"]["script.png"]
