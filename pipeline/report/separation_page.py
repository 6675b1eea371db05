"""The report of the separation: figures, and a page to listen to with a button that mutes each player."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markdown_it import MarkdownIt
from matplotlib.axes import Axes

from pipeline.audio import spectrogram
from pipeline.media.encoding import opus
from pipeline.params import Audio
from pipeline.report import page
from pipeline.report.style import COLOURS, new_figure, write_figure

FACE_PX = 64
SOFTEST_DB = -40.0  # of what a figure shows, against the loudest


@dataclass(frozen=True)
class Piece:
    """A sound of several players, and what was made of it.

    Attributes:
        names: of the players.
        faces: uint8 [players, size, size, 3], RGB, a picture of each.
        kinds: title → sounds float32 [players, samples], or [players + 1, samples] with the rest; the first is shown first.
    """

    title: str
    names: Sequence[str]
    faces: np.ndarray
    kinds: Mapping[str, np.ndarray]


def write(path: Path, remark: str, report: str, pieces: Sequence[Piece], audio: Audio) -> None:
    """Write the page. Equal values give equal bytes.

    Args:
        remark: what was taken apart by what, in plain text.
        report: Markdown. Its pictures are PNG files in the folder of the page, and are embedded.
        pieces: all have the same kinds.
    """
    data: dict[str, object] = {"pieces": [_described(piece, audio) for piece in pieces]}
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = reader.render(report).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    text = text.replace("<table>", '<div class="wide" role="group" aria-label="Table" tabindex="0"><table>')
    text = text.replace("</table>", "</table></div>")
    for picture in sorted(path.parent.glob("*.png")):
        text = text.replace(f'src="{picture.name}"', f'src="{_uri("image/png", picture.read_bytes())}"')
    filled = page.filled("separation.html", data, {"remark": html.escape(remark), "report": text})
    path.write_text(filled, encoding="utf-8")


def masks(
    path: Path, title: str, whole: np.ndarray, parts: Mapping[str, tuple[np.ndarray, np.ndarray]], step_s: float
) -> None:
    """Draw the power of a mixture; and for each player the mask, what it lets through, and what the player truly played.

    Args:
        whole: float [steps, bins], power on the logarithmic scale.
        parts: name → mask [steps, bins] in 0..1, and true power [steps, bins].
    """
    loudest = 10 * np.log10(max(float(whole.max()), 1e-12))

    def decibels(power: np.ndarray) -> np.ndarray:
        return 10 * np.log10(np.maximum(power, 1e-12)) - loudest

    figure = new_figure(13, 2.4 * (1 + len(parts)))
    panels = figure.subplots(1 + len(parts), 3, squeeze=False)
    length_s = len(whole) * step_s

    def show(axes: Axes, values: np.ndarray, what: str, **limits: Any) -> None:
        axes.imshow(
            values.T, origin="lower", aspect="auto", extent=(0, length_s, 0, 1), interpolation="nearest", **limits
        )
        axes.set(title=what, yticks=[])

    power = {"cmap": "magma", "vmin": SOFTEST_DB, "vmax": 0}
    show(panels[0, 0], decibels(whole), title, **power)
    for axes in panels[0, 1:]:
        axes.set_axis_off()
    for row, (name, (mask, true)) in zip(panels[1:], parts.items(), strict=True):
        show(row[0], mask, f"{name}: mask", cmap="gray", vmin=0, vmax=1)
        show(row[1], decibels(mask**2 * whole), "what it lets through", **power)
        show(row[2], decibels(true), "what was played", **power)
    for axes in panels[-1]:
        axes.set_xlabel("time (s)")
    panels[0, 0].set_ylabel("frequency (log)")
    write_figure(figure, path)


def maps(path: Path, rows: Mapping[str, tuple[np.ndarray, np.ndarray, Sequence[str]]]) -> None:
    """Draw how loud each cell of the players' pictures is while each of them is heard: a row a piece, a panel a moment.

    Args:
        rows: title → pictures uint8 [moments, players, size, size, 3], RGB; volumes float [moments, players, cells]; and the title
            of each moment.
    """
    columns = max(len(titles) for _, _, titles in rows.values())
    figure = new_figure(3.6 * columns, 2.1 * len(rows) + 0.4)
    panels = figure.subplots(len(rows), columns, squeeze=False)
    for line, (title, (pictures, volumes, titles)) in zip(panels, rows.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        line[0].text(-0.02, 0.5, title, rotation=90, ha="right", va="center", transform=line[0].transAxes)
        for axes, shown, loud, moment in zip(line, pictures, volumes, titles, strict=False):
            side = round(loud.shape[1] ** 0.5)
            level = 1 - 10 * np.log10(np.maximum(loud / max(float(loud.max()), 1e-12), 1e-12)) / SOFTEST_DB
            level = np.hstack([each.reshape(side, side) for each in np.clip(level, 0, 1)])
            axes.imshow(np.hstack(list(shown)))
            height, width = shown.shape[1], shown.shape[0] * shown.shape[2]
            axes.imshow(
                level, extent=(-0.5, width - 0.5, height - 0.5, -0.5), cmap="inferno", alpha=0.6 * level, vmin=0, vmax=1
            )
            for player in range(1, len(shown)):
                axes.axvline(player * shown.shape[2] - 0.5, color=COLOURS[0], linewidth=1)
            axes.set_title(moment, fontsize=11)
    write_figure(figure, path)


def _described(piece: Piece, audio: Audio) -> dict[str, object]:
    names, faces = [*piece.names, "rest"], [*map(_face, piece.faces), ""]
    kinds = []
    for title, sounds in piece.kinds.items():
        described = [
            {"name": name, "face": face, "sound": _uri("audio/webm", opus(sound, audio.sample_rate_hz))}
            | {"picture": page.picture(spectrogram.log_spectrogram(sound, audio), audio.sample_rate_hz)}
            for name, face, sound in zip(names, faces, sounds, strict=False)
        ]
        kinds.append({"title": title, "voices": described})
    first = next(iter(piece.kinds.values()))
    return {"title": piece.title, "duration_s": first.shape[1] / audio.sample_rate_hz, "kinds": kinds}


def _face(picture: np.ndarray) -> str:
    return _uri("image/png", cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
