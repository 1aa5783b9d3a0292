"""Makes the demo data of this folder: `python docs/demo/make_demo.py`. Every run makes the same files."""

# ruff: noqa: S311  # made-up sales and mountains, no secrets
import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent
SEED = 20_260_101
FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 6, 30)

# A maker of outdoor gear: product, list price, share of orders, month of the year that it sells best in.
PRODUCTS = [
    ("Trail tent 2P", "289.00", 6, 6),
    ("Trail tent 4P", "419.00", 3, 6),
    ("Summer sleeping bag", "99.90", 8, 6),
    ("Winter sleeping bag", "219.00", 4, 12),
    ("Backpack 30 l", "119.00", 10, 5),
    ("Backpack 55 l", "179.00", 7, 6),
    ("Rain jacket", "149.00", 9, 10),
    ("Merino shirt", "69.90", 12, 11),
    ("Hiking poles, pair", "59.90", 9, 7),
    ("Gas stove", "44.50", 10, 7),
    ("Titanium mug", "24.90", 14, 12),
    ("Head torch", "39.90", 13, 12),
]
REGIONS = {"North": 26, "South": 22, "East": 14, "West": 20, "Central": 12, "Online": 30}
DISCOUNTS = {"1.00": 78, "0.95": 12, "0.90": 7, "0.80": 3}
QUANTITIES = {1: 52, 2: 22, 3: 10, 4: 6, 5: 4, 10: 4, 20: 2}


def main() -> None:
    random.seed(SEED)
    write_sales(FOLDER / "sales.csv")
    images = FOLDER / "images"
    images.mkdir(exist_ok=True)
    mountains().save(images / "mountains.jpg", quality=82)
    lake().save(images / "lake.jpg", quality=82)
    forest().save(images / "forest.png", optimize=True)
    tent().save(images / "tent.png", optimize=True)
    compass().save(images / "compass.png", optimize=True)
    # Stored lying on its side, with a note on how to turn it, as phones do.
    exif = Image.Exif()
    exif[0x0112] = 6
    poster().transpose(Image.Transpose.ROTATE_90).save(images / "poster.jpg", quality=82, exif=exif)


def write_sales(path: Path) -> None:
    """About 4,000 orders over 18 months: growing, seasonal, weaker at weekends, a few returns."""
    number = 100_000
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "order_id", "region", "product", "quantity", "unit_price", "currency"))
        day = FIRST_DAY
        while day <= LAST_DAY:
            for _ in range(orders_on(day)):
                number += random.randint(1, 3)
                writer.writerow((day.isoformat(), f"SO-{number}", *order(day), "EUR"))
            day += timedelta(days=1)


def orders_on(day: date) -> int:
    growth = 1 + (day - FIRST_DAY).days / 1500
    weekday = (1.1, 1.0, 1.0, 1.05, 1.2, 0.8, 0.45)[day.weekday()]
    season = 1 + 0.25 * math.sin((day.timetuple().tm_yday - 80) / 365 * 2 * math.pi)
    christmas = 1.6 if day.month == 12 and day.day < 20 else 1.0
    return max(0, round(random.gauss(6.3 * growth * weekday * season * christmas, 1.8)))


def order(day: date) -> tuple[str, str, int, str]:
    weights = [share * in_season(day, best) for _, _, share, best in PRODUCTS]
    product, price, _, _ = random.choices(PRODUCTS, weights)[0]
    region = random.choices(list(REGIONS), list(REGIONS.values()))[0]
    quantity = random.choices(list(QUANTITIES), list(QUANTITIES.values()))[0]
    discount = random.choices(list(DISCOUNTS), list(DISCOUNTS.values()))[0]
    returned = random.random() < 0.012
    return region, product, -1 if returned else quantity, f"{float(price) * float(discount):.2f}"


def in_season(day: date, best_month: int) -> float:
    """1.8 in the best month of the year, 0.4 half a year away from it."""
    return 1.1 + 0.7 * math.cos((day.month - best_month) / 12 * 2 * math.pi)


def gradient(size: tuple[int, int], top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    for y in range(size[1]):
        part = y / size[1]
        colour = tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
        draw.line((0, y, size[0], y), fill=colour)
    return image


def ridge(draw: ImageDraw.ImageDraw, size: tuple[int, int], height: float, rough: float, colour: str) -> None:
    """A mountain range from edge to edge."""
    width, bottom = size
    waves = [(random.uniform(0.5, 6), random.uniform(0, 6), random.uniform(0.3, 1)) for _ in range(6)]
    line = [
        (x, bottom * height - rough * sum(a * math.sin(f * x / width * 6 + p) for f, p, a in waves))
        for x in range(0, width + 8, 8)
    ]
    draw.polygon([(0, bottom), *line, (width, bottom)], fill=colour)


def mountains() -> Image.Image:
    size = 1600, 1000
    image = gradient(size, (255, 183, 128), (255, 236, 210))
    draw = ImageDraw.Draw(image)
    draw.ellipse((1120, 190, 1300, 370), fill="#fff3d6")
    for height, colour in ((0.5, "#c9a0a0"), (0.62, "#9a7b93"), (0.74, "#5f5a80"), (0.88, "#2c3558")):
        ridge(draw, size, height, 34, colour)
    return image.filter(ImageFilter.GaussianBlur(1))


def lake() -> Image.Image:
    size = 1400, 933
    image = gradient(size, (120, 180, 225), (226, 240, 247))
    draw = ImageDraw.Draw(image)
    ridge(draw, size, 0.45, 40, "#5b7f8c")
    ridge(draw, size, 0.53, 26, "#37606b")
    shore = 560
    mirror = image.crop((0, 0, size[0], shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.paste(mirror.resize((size[0], size[1] - shore)).filter(ImageFilter.GaussianBlur(5)), (0, shore))
    return image


def forest() -> Image.Image:
    image = gradient((900, 600), (200, 225, 205), (240, 246, 235)).quantize(64).convert("RGB")
    draw = ImageDraw.Draw(image)
    for colour, base, count in (("#9dbf9f", 430, 26), ("#5d8f66", 500, 20), ("#2f5d3a", 600, 15)):
        for _ in range(count):
            x, height = random.randint(0, 900), random.randint(120, 260)
            for step in range(4):
                top = base - height + step * height // 5
                half = 18 + step * 14
                draw.polygon(
                    [(x, top), (x - half, top + height // 3), (x + half, top + height // 3)], fill=colour
                )
    return image.quantize(48)


def tent() -> Image.Image:
    image = Image.new("RGB", (800, 800), "#22304a")
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y, r = random.randint(0, 800), random.randint(0, 480), random.choice((1, 1, 2))
        draw.ellipse((x - r, y - r, x + r, y + r), fill="#f4f1de")
    draw.rectangle((0, 600, 800, 800), fill="#14213d")
    draw.polygon([(400, 290), (140, 640), (660, 640)], fill="#e07a5f")
    draw.polygon([(400, 290), (330, 640), (470, 640)], fill="#f2cc8f")
    return image


def compass() -> Image.Image:
    """On a transparent ground."""
    image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 30, 570, 570), fill="#fefae0", outline="#606c38", width=22)
    for hour in range(12):
        angle = hour * math.pi / 6
        ends = [(300 + r * math.sin(angle), 300 - r * math.cos(angle)) for r in (205, 235)]
        draw.line(ends, fill="#606c38", width=8)
    draw.polygon([(300, 110), (262, 300), (338, 300)], fill="#bc4749")
    draw.polygon([(300, 490), (262, 300), (338, 300)], fill="#283618")
    draw.ellipse((282, 282, 318, 318), fill="#dda15e")
    return image


def poster() -> Image.Image:
    image = gradient((600, 900), (40, 75, 99), (217, 217, 217))
    draw = ImageDraw.Draw(image)
    ridge(draw, image.size, 0.62, 46, "#3c6e71")
    ridge(draw, image.size, 0.78, 30, "#284b63")
    draw.ellipse((380, 110, 500, 230), fill="#ffd166")
    draw.text((60, 780), "Walk further", fill="white", font_size=72)
    return image


if __name__ == "__main__":
    main()
