"""The report as one HTML page with its sounds. It needs no network, no server and no other file."""

import base64
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from markdown_it import MarkdownIt
from tqdm import tqdm

from pipeline import params
from pipeline.audio import phases
from pipeline.compute import parallel
from pipeline.keypoints.skeleton import BONES
from pipeline.media.encoding import opus

HIGHEST_SHOWN_HZ = 4000  # the limits and the colours are those of the figures
LOWEST, HIGHEST = -1.0, 0.5
PICTURE_HEIGHT_PX = 256  # the width is one column per frame
WEBP_QUALITY = 60
SILENT_DB = -50  # re full scale (RMS); a sound below this level is marked as nearly silent
STEPS = 100  # per shoulder width: the precision of the joints on the page


@dataclass(frozen=True)
class Window:
    """A window of a test track, and what was generated for it.

    Attributes:
        start_s: start of the window in the track, s.
        motion: float32 [frames, 47, 2] at `motion.fps`, shoulder widths, y downwards.
        recorded: the recorded sound, float32 [samples] at `audio.sample_rate_hz`.
        recorded_spectrogram: [frames, bins], normalised as in `pipeline.audio.spectrogram`.
        generated: title → log-spectrogram of the same shape, not yet a sound.
    """

    instrument: str
    track: str
    start_s: float
    motion: np.ndarray
    recorded: np.ndarray
    recorded_spectrogram: np.ndarray
    generated: dict[str, np.ndarray]


def write(path: Path, remark: str, report: str, windows: Sequence[Window], settings: params.Params) -> None:
    """Write the page. Equal values give equal bytes.

    Args:
        remark: what the corpus is, in plain text. It is shown at the top of the page.
        report: Markdown. Its pictures are read from the folder of the page and embedded.
        windows: in the order in which they are shown.
    """
    sounds: list[dict[str, object]] = []
    calls = []
    for number, window in enumerate(windows):
        for title, values in {"recorded": window.recorded_spectrogram, **window.generated}.items():
            sounds.append({"window": number, "title": title})
            recorded = None if title in window.generated else window.recorded
            calls.append((values.astype(np.float16), recorded, settings.audio))
    coded = parallel.each(_coded, calls, settings.compute.backend)
    for sound, content in zip(sounds, tqdm(coded, "page", len(calls), unit=" sound", mininterval=1), strict=True):
        sound |= content
    data = {
        "fps": settings.motion.fps,
        "duration_s": settings.windows.duration_s,
        "steps": STEPS,
        "bones": BONES,
        "windows": [_described(window) for window in windows],
        "sounds": sounds,
    }
    parts = {"remark": html.escape(remark), "report": _rendered(report, path.parent)}
    path.write_text(filled("page.html", data, parts), encoding="utf-8")


def filled(template: str, data: dict[str, object], parts: dict[str, str]) -> str:
    """The text of a page.

    Args:
        template: a file of this folder. `{{name}}` in it stands for a part.
        data: what the page's script reads, as JSON. It is the part `data`.
        parts: name → HTML. The parts `style` and `skeleton` are files of this folder, which every page has.
    """
    folder = Path(__file__).parent
    parts = parts | {
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "skeleton": (folder / "skeleton.js").read_text(encoding="utf-8"),
        # In a script element only "<" needs escaping: it could end the element.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }
    text = (folder / template).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], text)


def whole_steps(motion: np.ndarray) -> list[list[int]]:
    """Movement [frames, 47, 2] for a page's script: a row of x, y, x, y … for each frame, in `STEPS` per shoulder width."""
    return np.round(motion * STEPS).astype(int).reshape(len(motion), -1).tolist()


def _described(window: Window) -> dict[str, object]:
    return {
        "instrument": window.instrument,
        "track": window.track,
        "start_s": round(window.start_s, 3),
        "motion": whole_steps(window.motion),
    }


def _coded(values: np.ndarray, recorded: np.ndarray | None, audio: params.Audio) -> dict[str, object]:
    """A sound and its picture as data URIs. Without a recorded sound, the sound is made from the spectrogram."""
    sound = phases.sound(values, audio) if recorded is None else recorded
    level = float(np.sqrt(np.square(sound, dtype=np.float64).mean()))
    return {
        "sound": _uri("audio/webm", opus(sound, audio.sample_rate_hz)),
        "picture": picture(values, audio.sample_rate_hz),
        "silent": level < 10 ** (SILENT_DB / 20),
    }


def picture(values: np.ndarray, rate_hz: int) -> str:
    """A spectrogram [frames, bins] as the data URI of a WebP, with one column per frame and the lowest frequency at the bottom.

    WebP has at most 16383 columns.
    """
    shown = values[:, : round(values.shape[1] * min(HIGHEST_SHOWN_HZ / (rate_hz / 2), 1))].T[::-1].astype(np.float32)
    grey = np.clip(255 * (shown - LOWEST) / (HIGHEST - LOWEST), 0, 255).round().astype(np.uint8)
    resized = cv2.resize(grey, (len(values), PICTURE_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    coloured = cv2.applyColorMap(resized, cv2.COLORMAP_MAGMA)
    coded = cv2.imencode(".webp", coloured, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])[1]
    return _uri("image/webp", coded.tobytes())


def _rendered(report: str, folder: Path) -> str:
    """Markdown as HTML, with embedded pictures, headings one level lower, and tables that scroll on their own."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(report)
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{int(token.tag[1]) + 1}"
    text = reader.renderer.render(tokens, reader.options, {}).replace("<th></th>", "<td></td>")
    text = text.replace("<table>", '<div class="wide" role="group" aria-label="Table" tabindex="0"><table>')
    text = text.replace("</table>", "</table></div>")
    return re.sub(
        r'src="(\w+\.png)"', lambda match: f'src="{_uri("image/png", (folder / match[1]).read_bytes())}"', text
    )


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
