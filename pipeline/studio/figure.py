"""Draws a performance's shapes into pictures, with OpenCV."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from pipeline.studio.motion import Drawn, Performance
from pipeline.studio.players import Player
from pipeline.studio.pose import shade

_SHIFT = 3  # fractional bits of OpenCV's coordinates, so that edges move in steps of 1/8 px
_LIGHT = np.array([-0.55, -0.83])  # direction towards the light, in picture coordinates

_Op = Callable[[np.ndarray, int], None]  # draws one frame's share of a shape into a picture


def draw(performance: Performance, player: Player, size_px: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the pictures, one per frame: uint8 [height, width, 3], BGR."""
    room = _background(player, size_px)
    operations = [op for shape in performance.shapes for op in _operations(shape)]
    for frame in range(len(performance.joints)):
        picture = room.copy()
        for op in operations:
            op(picture, frame)
        yield cv2.GaussianBlur(picture, (3, 3), 0.6)


def _background(player: Player, size_px: tuple[int, int]) -> np.ndarray:
    """A plain wall, lit from one side, above a floor."""
    width, height = size_px
    rng = np.random.default_rng(player.wall_seed)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    lamp = rng.uniform(-0.8, 0.8)
    light = 1.0 - 0.16 * np.hypot(x - lamp, y + 0.5) + 0.04
    picture = np.array(player.wall)[None, None, :] * light[..., None]
    floor = int(height * rng.uniform(0.86, 0.95))
    picture[floor:] *= np.array([0.55, 0.62, 0.7]) * rng.uniform(0.8, 1.05)
    picture[floor - 6 : floor] *= 0.82
    if rng.random() < 0.5:  # a panel on the wall
        left, right = sorted(rng.integers(0, width, 2))
        picture[int(height * 0.1) : floor - 6, left:right] *= rng.uniform(0.93, 1.05)
    coarse = cv2.resize(
        rng.normal(0, 2.0, (height // 8, width // 8)).astype(np.float32), size_px, interpolation=cv2.INTER_CUBIC
    )
    return np.clip(picture + coarse[..., None], 0, 255).astype(np.uint8)


def _operations(shape: Drawn) -> list[_Op]:
    if shape.radius_px[0] <= 0:
        return _plate(shape)
    return _tube(shape)


def _plate(shape: Drawn) -> list[_Op]:
    rounding = -float(shape.radius_px[0])
    edge = shade(shape.colour, -0.42)
    extent = np.ptp(shape.points[0], axis=0)
    if rounding == 0 and extent.max() < 30:
        return [_fill(shape.points, shape.colour), _line(shape.points, edge, 1, closed=True)]
    thick = max(1, round(2 * rounding))
    ops = [_line(shape.points, edge, thick + 2, closed=True)]
    if extent.max() < 75:
        return [*ops, _fill(shape.points, shape.colour), _line(shape.points, shape.colour, thick, closed=True)]
    # Large plates get lighter towards the light, in steps.
    middle = shape.points.mean(axis=1, keepdims=True)
    steps = ((-0.26, 1.0, 0.0), (-0.14, 0.86, 0.03), (-0.04, 0.70, 0.06), (0.03, 0.50, 0.09), (0.08, 0.28, 0.12))
    for by, share, up in steps:
        inner = middle + share * (shape.points - middle) + _LIGHT * up * extent.min()
        ops.append(_fill(inner, shade(shape.colour, by)))
    return ops


def _tube(shape: Drawn) -> list[_Op]:
    """Draw the tube several times, each time narrower, lighter and closer to the light, so that it looks round."""
    points, radius, colour = shape.points, shape.radius_px, shape.colour
    widest = float(radius.max())
    if widest < 1.3:
        return [_line(points, colour, max(1, round(2 * widest)))]
    if widest < 8:
        passes = [(-0.42, 1.0, 0.0), (0.0, max(0.55, 1 - 1.1 / widest), 0.05), (0.16, 0.34, 0.25)]
    else:
        passes = [
            (-0.42, 1.0, 0.0),
            (-0.26, 1 - 1.2 / widest, 0.0),
            (-0.12, 0.84, 0.07),
            (0.0, 0.66, 0.15),
            (0.07, 0.42, 0.24),
        ]
    if np.ptp(radius) > 0.08 * widest or widest >= 14:
        return [
            op
            for by, share, up in passes
            for op in _tapered(points + _LIGHT * up * radius[:, None], radius * share, shade(colour, by))
        ]
    return [
        _line(points + _LIGHT * up * widest, shade(colour, by), max(1, round(2 * widest * share)))
        for by, share, up in passes
    ]


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.round(points * 2**_SHIFT), dtype=np.int32)


def _fill(points: np.ndarray, colour: tuple[int, int, int]) -> _Op:
    outlines = _fixed(points)

    def op(picture: np.ndarray, frame: int) -> None:
        cv2.fillPoly(picture, [outlines[frame]], colour, cv2.LINE_8, _SHIFT)

    return op


def _line(points: np.ndarray, colour: tuple[int, int, int], thickness: int, closed: bool = False) -> _Op:
    lines = _fixed(points)
    kind = cv2.LINE_AA if thickness <= 3 else cv2.LINE_8

    def op(picture: np.ndarray, frame: int) -> None:
        cv2.polylines(picture, [lines[frame]], closed, colour, thickness, kind, _SHIFT)

    return op


def _tapered(points: np.ndarray, radius: np.ndarray, colour: tuple[int, int, int]) -> list[_Op]:
    """A tube whose radius changes from point to point: quadrilaterals, with discs where they meet."""
    way = np.diff(points, axis=1)
    way /= np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6)
    across = np.stack([-way[..., 1], way[..., 0]], axis=-1)
    start, end = across * radius[:-1, None], across * radius[1:, None]
    quads = _fixed(
        np.stack([points[:, :-1] + start, points[:, 1:] + end, points[:, 1:] - end, points[:, :-1] - start], axis=2)
    )
    centres, radii = _fixed(points), np.maximum(1, np.round(radius * 2**_SHIFT)).astype(int).tolist()
    if radius[-1] > 1.35 * radius[-2]:
        radii.pop()  # the open end of a bell has no disc

    def op(picture: np.ndarray, frame: int) -> None:
        for quad in quads[frame]:
            cv2.fillConvexPoly(picture, quad, colour, cv2.LINE_8, _SHIFT)
        for (x, y), r in zip(centres[frame].tolist(), radii, strict=False):
            cv2.circle(picture, (x, y), r, colour, -1, cv2.LINE_8, _SHIFT)

    return [op]
