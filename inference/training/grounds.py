"""What lies behind and before a body, and is no tattoo either: cloth, prints, foil, floors, gloves, dressings."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.texture import Field, fractal, smoothstep
from inference.training.drawings import Book
from inference.training.surfaces import Picture, lit


def ground(rng: np.random.Generator, side: int, book: Book) -> Picture:
    """What a body lies on or stands before."""
    made = (_cloth, _cloth, _cloth, _foil, _floor, _wall, _clutter, _clutter, _wood, _dark, _film, _hair)
    return made[int(rng.integers(len(made)))](rng, side, book)


def _colour(rng: np.random.Generator, *, strong: float = 0.5) -> Picture:
    """Any colour, as linear light; greys often."""
    grey = rng.uniform(0.01, 0.85)
    colour = np.full(3, grey) if rng.random() > strong else rng.uniform(0.01, 0.8, 3)
    return np.asarray(colour, np.float32)


def _cloth(rng: np.random.Generator, side: int, book: Book) -> Picture:
    """A sheet, a shirt or a towel: plain, striped, checked, dotted or printed, with folds."""
    shape = (side, side)
    albedo = np.array(np.broadcast_to(_colour(rng), (*shape, 3)), np.float32)
    kind = rng.random()
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    turn, step = rng.uniform(0, np.pi), side * rng.uniform(0.02, 0.2)
    bend = fractal(rng, shape, side * 0.4, octaves=2) * np.float32(side * 0.02)
    u = (x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)) + bend) / np.float32(step)
    v = (-x * np.float32(np.sin(turn)) + y * np.float32(np.cos(turn)) + bend) / np.float32(step)
    if kind < 0.15:
        pattern = (np.mod(u, 1) < rng.uniform(0.2, 0.6)).astype(np.float32)
    elif kind < 0.3:
        pattern = ((np.mod(u, 1) < 0.5) ^ (np.mod(v, 1) < 0.5)).astype(np.float32)
    elif kind < 0.4:
        pattern = ((np.mod(u, 1) - 0.5) ** 2 + (np.mod(v, 1) - 0.5) ** 2 < rng.uniform(0.02, 0.15)).astype(np.float32)
    elif kind < 0.6:
        pattern = _printed(rng, albedo, book)
    else:
        pattern = np.zeros(shape, np.float32)
    pattern = cv2.GaussianBlur(pattern, (0, 0), 0.7)[..., None]
    albedo = np.asarray(albedo * (1 - pattern) + _colour(rng) * pattern, np.float32)
    if rng.random() < 0.35:  # dark cloth in a dark room
        albedo = np.asarray(albedo * np.float32(rng.uniform(0.03, 0.25)), np.float32)
    folds = np.abs(fractal(rng, shape, side * rng.uniform(0.1, 0.5), octaves=3, stretch=(1, rng.uniform(1, 3))))
    return lit(rng, albedo, np.asarray(folds * np.float32(side * rng.uniform(0.01, 0.05)), np.float32))


def _printed(rng: np.random.Generator, albedo: Picture, book: Book) -> Field:
    """Drawings printed on cloth, in place; gives those in one colour."""
    side = albedo.shape[0]
    mask = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(2, 14))):
        drawing = book.coloured(rng) if rng.random() < 0.5 else book.shape(rng)
        size = side * rng.uniform(0.08, 0.4)
        spin = cv2.getRotationMatrix2D((64, 64), rng.uniform(0, 360), size / 128)
        spin[:, 2] = spin[:, 2] + rng.uniform(0, side, 2) - 64
        alpha = cv2.warpAffine(drawing.alpha, spin, (side, side)).astype(np.float32) / 255
        if drawing.colour is None:
            mask = np.maximum(mask, alpha)
        else:
            colour = (cv2.warpAffine(drawing.colour, spin, (side, side)).astype(np.float32) / 255) ** 2.2
            albedo[:] = albedo * (1 - alpha[..., None]) + colour * alpha[..., None]
    return mask


def _foil(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    """Crumpled plastic or foil: sharp bright facets."""
    shape = (side, side)
    ridges = np.abs(fractal(rng, shape, side * rng.uniform(0.05, 0.25), octaves=5, gain=0.7))
    bright = smoothstep(0.5, 2.2, np.abs(fractal(rng, shape, side * rng.uniform(0.02, 0.1), octaves=4, gain=0.8)))
    albedo = np.broadcast_to(_colour(rng, strong=0.3) * np.float32(0.6), (*shape, 3))
    shaded = lit(rng, np.asarray(albedo, np.float32), np.asarray(ridges * np.float32(side * 0.06), np.float32))
    return np.asarray(shaded + bright[..., None] * np.float32(rng.uniform(0.2, 0.9)), np.float32)


def _film(rng: np.random.Generator, side: int, book: Book) -> Picture:
    """Thin dark or clear plastic before cloth: what is behind shines through, and its creases shine."""
    behind = _cloth(rng, side, book)
    creases = np.abs(fractal(rng, (side, side), side * rng.uniform(0.04, 0.2), octaves=5, gain=0.75))
    shine = smoothstep(-0.08, 0.0, np.asarray(-creases, np.float32)) * np.float32(rng.uniform(0.2, 1.0))
    through = _colour(rng) * np.float32(rng.uniform(0.05, 1.0)) + np.float32(0.02)
    return np.asarray(behind * through + cv2.GaussianBlur(shine, (0, 0), 0.8)[..., None], np.float32)


def _hair(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    """A head of hair or fur: strands of one colour that run together, part and shine."""
    shape = (side, side)
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    strands = fractal(rng, shape, side * rng.uniform(0.008, 0.03), octaves=3, stretch=(rng.uniform(10, 30), 0.5))
    reach = np.float32(side * rng.uniform(0.05, 0.4))
    dx, dy = (fractal(rng, shape, side * rng.uniform(0.2, 0.7), octaves=2) * reach for _ in range(2))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(0, 360), 1.0)
    lying = cv2.warpAffine(strands, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    lying = cv2.remap(lying, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    tint = np.array([0.3, 0.2, 0.12], np.float32) ** np.float32(rng.uniform(0.5, 2.5)) * np.float32(rng.uniform(0.2, 1))
    locks = 1 + 0.5 * fractal(rng, shape, side * rng.uniform(0.08, 0.3), octaves=3)
    return np.asarray(np.clip(tint * (np.exp(0.6 * lying) * np.maximum(locks, 0.1))[..., None], 0.001, 1), np.float32)


def _floor(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    """Tiles in perspective."""
    tile = int(rng.integers(12, 60))
    rows = np.indices((256, 256)) // tile
    board = ((rows[0] + rows[1]) % 2).astype(np.float32)[..., None]
    flat = np.asarray(board * _colour(rng) + (1 - board) * _colour(rng), np.float32)
    corners = np.array([[0, 0], [256, 0], [256, 256], [0, 256]], np.float32)
    to = (corners / 256 * side * 1.6 - side * 0.3 + rng.normal(0, side * 0.15, (4, 2))).astype(np.float32)
    return np.asarray(
        cv2.warpPerspective(
            flat, cv2.getPerspectiveTransform(corners, to), (side, side), borderMode=cv2.BORDER_REFLECT
        ),
        np.float32,
    )


def _wall(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    shade = 1 + 0.25 * fractal(rng, (side, side), side * 1.5, octaves=2)
    return np.asarray(np.clip(_colour(rng, strong=0.4) * shade[..., None], 0, 1), np.float32)


def _wood(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    stretch = (rng.uniform(4, 12), 0.4) if rng.random() < 0.5 else (0.4, rng.uniform(4, 12))
    grain = fractal(rng, (side, side), side * 0.08, octaves=4, stretch=stretch)
    tint = np.array([0.32, 0.17, 0.08], np.float32) * np.float32(rng.uniform(0.3, 2))
    return np.asarray(np.clip(tint * (1 + 0.3 * grain[..., None]), 0.002, 1), np.float32)


def _dark(rng: np.random.Generator, side: int, _book: Book) -> Picture:
    level = np.float32(rng.choice([0.0, rng.uniform(0.0, 0.03)]))
    return np.full((side, side, 3), level, np.float32)


def _clutter(rng: np.random.Generator, side: int, book: Book) -> Picture:
    """A room: many things of any colour and shape, near or far."""
    picture = _wall(rng, side, book)
    for _ in range(int(rng.integers(4, 22))):
        colour = tuple(float(c) for c in _colour(rng))
        middle, size = rng.uniform(0, side, 2), side * rng.uniform(0.04, 0.5)
        corners = np.asarray(middle + rng.normal(0, size / 2, (int(rng.integers(3, 7)), 2)), np.float32)
        if rng.random() < 0.5:
            box = (float(middle[0]), float(middle[1])), (size, size * 0.4), rng.uniform(0, 180)
            corners = np.asarray(cv2.boxPoints(box), np.float32)
        cv2.fillConvexPoly(picture, cv2.convexHull(corners.astype(np.int32)), colour, cv2.LINE_AA)
        if rng.random() < 0.3:
            points = rng.uniform(0, side, (4, 2)).astype(np.int32)
            cv2.polylines(picture, [points], False, colour, int(rng.integers(1, 6)), cv2.LINE_AA)
    if rng.random() < 0.4:
        mask = _printed(rng, picture, book)[..., None]
        picture = np.asarray(picture * (1 - mask) + _colour(rng) * mask, np.float32)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), side * rng.choice([0.003, 0.01, 0.03])), np.float32)


def thing(rng: np.random.Generator, side: int, book: Book) -> tuple[Picture, Field]:
    """A thing without a name on it: its surface, and its outline (0..1)."""
    return (_glove, _dressing, _ruler, _strap)[int(rng.integers(4))](rng, side, book)


def laid_over(rng: np.random.Generator, picture: Picture, laid: tuple[Picture, Field]) -> Field:
    """Lays a thing over the picture, in place, with its shadow; gives where it is (0..1)."""
    surface, outline = laid
    soft = picture.shape[0] * rng.uniform(0.008, 0.04)
    shadow = cv2.GaussianBlur(np.roll(outline, rng.integers(-6, 7, 2), (0, 1)), (0, 0), soft)
    picture *= 1 - shadow[..., None] * np.float32(rng.uniform(0.2, 0.7))
    edge = outline[..., None]
    picture[:] = picture * (1 - edge) + surface * edge
    return outline


def _blob(rng: np.random.Generator, side: int, size: float) -> Field:
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    middle = rng.uniform(-0.1, 1.1, 2) * side
    turn, long = rng.uniform(0, np.pi), rng.uniform(1, 3)
    dx, dy = x - np.float32(middle[0]), y - np.float32(middle[1])
    u = (dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))) / np.float32(size * long)
    v = (-dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))) / np.float32(size)
    wave = fractal(rng, (side, side), side * 0.3, octaves=2) * np.float32(0.15)
    return np.asarray(1 - np.sqrt(u * u + v * v) + wave, np.float32)


def _glove(rng: np.random.Generator, side: int, _book: Book) -> tuple[Picture, Field]:
    """A gloved finger or hand: smooth, blue, violet, white or black, with wrinkles."""
    inside = _blob(rng, side, side * rng.uniform(0.05, 0.25))
    tints = np.array([[0.02, 0.06, 0.35], [0.10, 0.10, 0.45], [0.7, 0.68, 0.62], [0.01, 0.01, 0.01], [0.05, 0.3, 0.4]])
    tint = tints[int(rng.integers(5))] * rng.uniform(0.6, 1.4)
    wrinkle = np.abs(fractal(rng, (side, side), side * 0.05, octaves=3, stretch=(1, 3))) * np.float32(side * 0.006)
    height = np.sqrt(np.clip(inside, 0, 1)) * np.float32(side * 0.15) + wrinkle
    albedo = np.asarray(np.broadcast_to(tint, (side, side, 3)), np.float32)
    return lit(rng, albedo, np.asarray(height, np.float32)), smoothstep(0, 0.03, inside)


def _dressing(rng: np.random.Generator, side: int, _book: Book) -> tuple[Picture, Field]:
    """Gauze, a plaster or tape, now and then with a stain."""
    outline = np.zeros((side, side), np.uint8)
    middle = tuple(float(v) for v in rng.uniform(0, side, 2))
    size = (side * rng.uniform(0.1, 0.6), side * rng.uniform(0.06, 0.4))
    box = cv2.boxPoints((middle, size, rng.uniform(0, 180))).astype(np.int32)
    cv2.fillConvexPoly(outline, box, 255, cv2.LINE_AA)
    tints = np.array([[0.85, 0.84, 0.8], [0.75, 0.6, 0.45], [0.7, 0.5, 0.35], [0.55, 0.65, 0.7]])
    weave = fractal(rng, (side, side), 3.0, octaves=1) * np.float32(rng.choice([0.0, 0.08]))
    surface = tints[int(rng.integers(4))].astype(np.float32) * (1 + weave[..., None])
    if rng.random() < 0.4:
        stain = smoothstep(0.3, 1.5, fractal(rng, (side, side), side * 0.15, octaves=3))[..., None]
        hue = np.array(((0.35, 0.02, 0.02), (0.5, 0.35, 0.1))[int(rng.integers(2))], np.float32)
        surface = surface * (1 - stain) + hue * stain
    return np.asarray(surface, np.float32), np.asarray(outline.astype(np.float32) / 255, np.float32)


def _ruler(rng: np.random.Generator, side: int, _book: Book) -> tuple[Picture, Field]:
    """A paper ruler with ticks and numbers, or a colour card."""
    long, wide = 256, int(rng.integers(30, 60))
    paper = np.full((wide, long), int(rng.integers(200, 245)), np.uint8)
    for at in range(4, long, 8):
        tall = wide // (2 if (at // 8) % 5 == 0 else 4)
        cv2.line(paper, (at, wide), (at, wide - tall), 30, 1)
        if (at // 8) % 5 == 0:
            cv2.putText(paper, str(at // 40), (at + 2, wide // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 30)
    strip = np.repeat((paper.astype(np.float32) / 255)[..., None] ** 2.2, 3, axis=2)
    if rng.random() < 0.3:
        for at in range(0, long, 32):
            strip[: wide // 2, at : at + 32] = rng.uniform(0, 0.9, 3)
    spin = cv2.getRotationMatrix2D((long / 2, wide / 2), rng.uniform(0, 360), side / 256 * rng.uniform(0.4, 1.2))
    spin[:, 2] += rng.uniform(0, side, 2) - np.array([long / 2, wide / 2])
    outline = cv2.warpAffine(np.ones((wide, long), np.float32), spin, (side, side))
    return np.asarray(cv2.warpAffine(strip, spin, (side, side)), np.float32), np.asarray(outline, np.float32)


def _strap(rng: np.random.Generator, side: int, book: Book) -> tuple[Picture, Field]:
    """A watch strap, a sock's edge, a band, a cable: a stripe of any colour across the picture."""
    outline = np.zeros((side, side), np.uint8)
    t = np.linspace(-0.2, 1.2, 20)
    turn = rng.uniform(0, 2 * np.pi)
    start = rng.uniform(0, side, 2) - 0.5 * side * np.array([np.cos(turn), np.sin(turn)])
    bend = rng.normal(0, 0.3) * side
    way, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    spine = start + t[:, None] * way * side + (t * (1 - t))[:, None] * across * bend
    thick = max(2, int(side * rng.uniform(0.01, 0.15)))
    cv2.polylines(outline, [np.round(spine * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    surface = _cloth(rng, side, book) if rng.random() < 0.5 else np.broadcast_to(_colour(rng), (side, side, 3))
    return np.asarray(surface, np.float32), np.asarray(outline.astype(np.float32) / 255, np.float32)
