"""Small videos and sounds for the tests, written on the spot: no binary files in the repository."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from ruamel.yaml import YAML

from pipeline import params
from pipeline.studio import pieces

REPO = Path(__file__).resolve().parents[1]
REAL = REPO.parent / "shared" / "real"  # recordings that are not part of the project
PROFILE = params.load(REPO / "profiles" / "demo.yaml")
SMALL = params.Studio(  # a studio that takes seconds
    seed=1,
    instruments=["vn", "tbn"],
    tracks_per_instrument=2,
    ensembles=1,
    duration_s=2.0,
    fps=20.0,
    player_width_px=200,
    player_height_px=160,
    sample_rate_hz=16000,
    turned_degrees=0,
    left_handed=0,
    sound_after_s=0,
)
USUAL = PROFILE.keypoints

# URMP's 44 pieces, and the instruments of their players by the names of the players' files.
URMP = {
    "01_Jupiter": "vn vc",
    "02_Sonata": "vn vn",
    "03_Dance": "fl cl",
    "04_Allegro": "fl fl",
    "05_Entertainer": "tpt tpt",
    "06_Entertainer": "sax sax",
    "07_GString": "tpt tbn",
    "08_Spring": "fl vn",
    "09_Jesus": "tpt vn",
    "10_March": "tpt sax",
    "11_Maria": "ob vc",
    "12_Spring": "vn vn vc",
    "13_Hark": "vn vn va",
    "14_Waltz": "fl fl cl",
    "15_Surprise": "tpt tpt tpt",
    "16_Surprise": "tpt tpt sax",
    "17_Nocturne": "vn fl cl",
    "18_Nocturne": "vn fl tpt",
    "19_Pavane": "cl vn vc",
    "20_Pavane": "tpt vn vc",
    "21_Rejouissance": "cl tbn tba",
    "22_Rejouissance": "sax tbn tba",
    "23_Rejouissance": "cl sax tba",
    "24_Pirates": "vn vn va vc",
    "25_Pirates": "vn vn va sax",
    "26_King": "vn vn va vc",
    "27_King": "vn vn va sax",
    "28_Fugue": "fl ob cl bn",
    "29_Fugue": "fl fl ob cl",
    "30_Fugue": "fl fl ob sax",
    "31_Slavonic": "tpt tpt hn tbn",
    "32_Fugue": "vn vn va vc",
    "33_Elise": "tpt tpt hn tbn",
    "34_Fugue": "tpt tpt hn tbn",
    "35_Rondeau": "vn vn va db",
    "36_Rondeau": "vn vn va vc",
    "37_Rondeau": "fl vn va cl",
    "38_Jerusalem": "vn vn va vc db",
    "39_Jerusalem": "vn vn va sax db",
    "40_Miserere": "fl fl ob cl bn",
    "41_Miserere": "fl fl ob sax bn",
    "42_Arioso": "tpt tpt hn tbn tba",
    "43_Chorale": "tpt tpt hn tbn tba",
    "44_K515": "vn vn va va vc",
}


def tone(duration_s: float, sample_rate_hz: int = 16000, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """A sine, float32 [samples]."""
    return (level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz)).astype(
        np.float32
    )


def write_wav(path: Path, sound: np.ndarray, sample_rate_hz: int = 16000) -> Path:
    """A 32 bit float WAV of sound [samples] or [samples, channels]: it can hold NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, sample_rate_hz, subtype="FLOAT", format="WAV")
    return path


def blank(duration_s: float, fps: float = 10, size_px: int = 64) -> list[tuple[float, np.ndarray]]:
    """Grey pictures with nobody in them: (time s, uint8 [size, size, 3])."""
    return [(i / fps, np.full((size_px, size_px, 3), 100, np.uint8)) for i in range(round(duration_s * fps))]


def write_video(
    path: Path,
    pictures: Iterable[tuple[float, np.ndarray]] | None,
    sound: np.ndarray | None = None,
    sample_rate_hz: int = 16000,
    sound_start_s: float = 0.0,
    container_format: str | None = None,
) -> Path:
    """A video from (time s, picture uint8 [H, W, 3], blue first) and sound float32 [samples] from sound_start_s on.

    Either may be None. Times are kept to the millisecond.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = None if pictures is None else list(pictures)
    with open(path, "wb") as file, av.open(file, "w", format=container_format or "mp4") as container:
        if pictures is not None:
            video = container.add_stream("mpeg4", rate=1000)
            video.height, video.width = pictures[0][1].shape[:2]
            video.pix_fmt = "yuv420p"
            video.bit_rate = 2_000_000
            video.codec_context.time_base = Fraction(1, 1000)
        if sound is not None:
            audio = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
        if pictures is not None:
            for time_s, picture in pictures:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
                frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
                container.mux(video.encode(frame))
            container.mux(video.encode())
        if sound is not None:
            block = audio.codec_context.frame_size or 1024
            for start in range(0, len(sound), block):
                part = np.ascontiguousarray(sound[None, start : start + block])
                piece = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                piece.sample_rate = sample_rate_hz
                piece.pts = start + round(sound_start_s * sample_rate_hz)
                piece.time_base = Fraction(1, sample_rate_hz)
                container.mux(audio.encode(piece))
            container.mux(audio.encode())
    return path


def run_stage(folder: Path, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m stages.<name>` in a folder with a params.yaml, for each name until one fails; what the last of them said."""
    for name in names:
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{name}"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(REPO)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            break
    return done


def workplace(folder: Path, **changes: dict[str, object]) -> Path:
    """A folder with the demo's params.yaml, changed: workplace(tmp_path, corpus={"name": "folder"})."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    tree = yaml.load(REPO / "profiles" / "demo.yaml")
    for section, values in changes.items():
        tree[section].update(values)
    yaml.dump(tree, folder / "params.yaml")
    return folder


def players(folder: Path, codes: Iterable[tuple[str, ...]], duration_s: float) -> Path:
    """Drawn pieces in URMP's layout, 20 frames/s, 320 px a player; a tuple of instrument codes a piece."""
    size = {"player_width_px": 320, "player_height_px": 320}
    studio = PROFILE.studio.model_copy(update={"duration_s": duration_s, "fps": 20.0, "sample_rate_hz": 16000, **size})
    for index, piece in enumerate(codes):
        place = folder / pieces.piece_name(index, piece)
        place.mkdir(parents=True)
        pieces.make_piece(place, index, piece, studio)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of every file in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def corpus_params(name: str, root: Path, **changes: object) -> params.Corpus:
    """A corpus as the demo profile has it, under another name and elsewhere."""
    return PROFILE.corpus.model_copy(update={"name": name, "root": str(root), **changes})
