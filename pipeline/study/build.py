"""A listening study as one page: pairs of clips with the same picture, one with recorded and one with generated sound.

Only the sound can tell the two clips of a pair apart. They have the same picture, length, sample rate, loudness and fades, and
the constant bit rate gives them the same size. The page identifies clips by a digest of their bytes. A separate file, the key,
says which clip of a pair is recorded.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import cv2
import numpy as np
from tqdm import tqdm

from pipeline.audio import phases
from pipeline.compute import parallel
from pipeline.corpus import sound
from pipeline.corpus.track import UNKNOWN, Track, read_tracks
from pipeline.dataset import split
from pipeline.dataset.artifacts import MODELS, SAMPLES, SPLITS
from pipeline.errors import FileError, NothingLeft, ParamsError, shown
from pipeline.media import encoding, picture_files, probing
from pipeline.params import Params
from pipeline.sampling import codec
from pipeline.sampling.samples import Samples
from pipeline.study import protocol
from pipeline.training import weights

CHECKS = 3  # attention checks: a recording against noise
SIDE_PX = 360  # largest side of a picture
FPS = 30  # highest frame rate of a clip
FADE_S = 0.02  # at both ends: a cut within a note would click, and only in the recording
LOUDNESS_LUFS = -23.0  # of every clip, as in EBU R 128
SILENT_LUFS = -60.0
PEAK = 0.9  # headroom for what coding adds
PAGE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Item:
    """A pair of clips, WebM.

    Attributes:
        real, other: the clip with the recorded sound, and the clip with the generated sound (noise in an attention check).
        check: whether it is an attention check.
    """

    instrument: str
    source: str
    start_s: float
    real: bytes
    other: bytes
    check: bool


def build(out: Path, model: str, settings: Params, pairs: int) -> tuple[int, int]:
    """Make a study from the run in the current folder: the page `out`, and its key in the same folder.

    Args:
        model: a name below samples/.
        pairs: number of pairs per instrument.

    Returns:
        The number of pairs and the number of attention checks.

    Raises:
        ParamsError: the model's samples or the VQ-VAE are missing.
        NothingLeft: no window can be used.
        FileError: a file of the corpus cannot be used.
    """
    folder, coder = SAMPLES / model, MODELS / "vqvae"
    for place, there in ((folder, (folder / "index.parquet").is_file()), (coder, weights.exist(coder))):
        if not there:
            advice = f"make it with: dvc repro, or fetch it with: dvc pull {shown(folder)} {coder}"
            raise ParamsError(f"{shown(place)}: nothing there; {advice}")
    samples = Samples(folder, codec.load(coder))
    if not len(samples.index):
        raise NothingLeft(f"{shown(folder)}: this model was not trained; choose another with --model")
    tracks = {track.name: track for track in read_tracks()}
    generator = np.random.default_rng(settings.seed)
    calls = list(tqdm(of_model(samples, tracks, settings, pairs, generator), "windows", unit=" window"))
    if not calls:
        raise NothingLeft(f"{shown(folder)}: no window whose recording is heard; is it of this corpus?")
    calls += list(of_training(tracks, settings, generator))
    items = list(tqdm(parallel.each(item, calls, settings.compute.backend), "clips", len(calls), unit=" pair"))
    write(out, items, model)
    checks = sum(one.check for one in items)
    return len(items) - checks, checks


Call = tuple[Track, float, np.ndarray | None, Params]  # the arguments of `item`


def of_model(
    samples: Samples, tracks: dict[str, Track], settings: Params, pairs: int, generator: np.random.Generator
) -> Iterator[Call]:
    """`pairs` windows of the first repeat per instrument, as far apart as possible.

    A window with a silent recording is left out: there is nothing to compare with. A window with a silent sample is kept, since
    leaving it out would flatter the model.
    """
    first = samples.index[samples.index.repeat == 0]
    named = dict(zip(zip(first.source, first.source_start, strict=True), first.index, strict=True))
    places: dict[str, list[tuple[str, int]]] = {}
    for source, start in named:
        if source in tracks:
            places.setdefault(tracks[source].instrument, []).append((source, int(start)))
    for _, here in sorted(places.items()):
        found = 0
        for source, start in spread(here, generator):
            made = samples.spectrograms([named[source, start]])[0]
            start_s = start / settings.audio.fps
            if found < pairs and audible(recording(tracks[source], start_s, len(made), settings), settings):
                found += 1
                yield tracks[source], start_s, made, settings
            if found == pairs:
                break


def spread(places: list[tuple[str, int]], generator: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Places (track, first row), each as far as possible from all places before it. Other tracks count as farthest."""
    left = [places[number] for number in generator.permutation(len(places))]
    before: list[tuple[str, int]] = []

    def distance(place: tuple[str, int]) -> tuple[int, int]:
        same = [abs(place[1] - start) for source, start in before if source == place[0]]
        return -len(same), min(same, default=0)

    while left:
        farthest = max(left, key=distance)
        left.remove(farthest)
        before.append(farthest)
        yield farthest


def of_training(tracks: dict[str, Track], settings: Params, generator: np.random.Generator) -> Iterator[Call]:
    """Windows for the attention checks: the middles of training tracks. A check reveals its recording, so no pair may use it."""
    names = [name for name in split.tracks(SPLITS, "train") if name in tracks]
    frames = round(settings.windows.duration_s * settings.audio.fps)
    found = 0
    for number in generator.permutation(len(names)):
        track = tracks[names[number]]
        length_s = len(sound.of_track(track, settings.audio.sample_rate_hz)) / settings.audio.sample_rate_hz
        start_s = max(0.0, (length_s - settings.windows.duration_s) / 2)
        if audible(recording(track, start_s, frames, settings), settings):
            found += 1
            yield track, start_s, None, settings
        if found == CHECKS:
            return


def item(track: Track, start_s: float, made: np.ndarray | None, settings: Params) -> Item:
    """The pair of clips for one window of a track.

    Args:
        start_s: start of the window in the track, s.
        made: the generated log-spectrogram, float32 [frames, bins]; None for an attention check.
    """
    rate_hz = settings.audio.sample_rate_hz
    frames = round(settings.windows.duration_s * settings.audio.fps) if made is None else len(made)
    real = recording(track, start_s, frames, settings)
    if made is None:
        other = np.random.default_rng(settings.seed).normal(size=len(real)).astype(np.float32)
    else:
        other = phases.sound(made, settings.audio)
    fps = min(probing.probe(track.video).fps or FPS, FPS)
    seen = pictures(track, start_s, len(real) / rate_hz, fps)
    clips = [encoding.webm(seen, fps, sound, rate_hz) for sound in alike(real, other, rate_hz)]
    return Item(track.instrument, track.name, round(start_s, 3), clips[0], clips[1], made is None)


def recording(track: Track, start_s: float, frames: int, settings: Params) -> np.ndarray:
    """A track's recorded sound, as long as the sound that `phases.sound` makes of `frames` frames: float32 [samples]."""
    first, length = round(start_s * settings.audio.sample_rate_hz), (frames - 1) * settings.audio.hop_length
    recorded = sound.of_track(track, settings.audio.sample_rate_hz)[first : first + length]
    return np.pad(recorded, (0, length - len(recorded)))


def pictures(track: Track, start_s: float, duration_s: float, fps: float) -> list[np.ndarray]:
    """The pictures of a clip, small and cropped to the player. Each is the video picture nearest in time."""
    first_s = track.start_s + start_s
    from_s, to_s = max(0.0, first_s - 1 / fps), first_s + duration_s + 1 / fps
    near = [(time_s, _strip(picture, track)) for time_s, picture in picture_files.frames(track.video, from_s, to_s)]
    if not near:
        raise FileError(track.video, f"no picture at {first_s:.1f} s, where its sound goes on")
    times = np.array([time_s for time_s, _ in near])
    wanted = first_s + np.arange(max(round(duration_s * fps), 1)) / fps
    return [near[np.abs(times - time_s).argmin()][1] for time_s in wanted]


def _strip(picture: np.ndarray, track: Track) -> np.ndarray:
    width = picture.shape[1]
    strip = picture[:, round(track.left * width) : round(track.right * width)]
    shrunk = min(1.0, SIDE_PX / max(strip.shape[:2]))
    height, width = (max(2, round(side * shrunk / 2) * 2) for side in strip.shape[:2])  # the encoder needs even sizes
    return cv2.resize(strip, (width, height), interpolation=cv2.INTER_AREA)


def alike(real: np.ndarray, other: np.ndarray, rate_hz: int) -> list[np.ndarray]:
    """Two sounds with the same loudness and fades. A silent sound stays silent."""
    length = min(round(FADE_S * rate_hz), len(real) // 2)
    fade = np.ones(len(real), np.float32)
    fade[:length] = np.sin(np.linspace(0, np.pi / 2, length)) ** 2
    fade[len(fade) - length :] = fade[:length][::-1]
    sounds = [_at_loudness(sound * fade, rate_hz) for sound in (real, other)]
    peak = max(float(np.abs(sound).max()) for sound in sounds)
    return [sound * np.float32(min(1.0, PEAK / max(peak, 1e-9))) for sound in sounds]


def _at_loudness(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    now = loudness_lufs(sound, rate_hz)
    return sound if now <= SILENT_LUFS else sound * np.float32(10 ** ((LOUDNESS_LUFS - now) / 20))


def audible(sound: np.ndarray, settings: Params) -> bool:
    return loudness_lufs(sound, settings.audio.sample_rate_hz) > SILENT_LUFS


def loudness_lufs(sound: np.ndarray, rate_hz: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770, by FFmpeg) of a mono sound, float32 [samples], 0.4 s or more; -70 is silence."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=rate_hz, layout="mono", time_base=Fraction(1, rate_hz))
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    graph.push(frame)
    graph.push(None)
    loudness = -70.0
    while True:
        try:
            measured: Any = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return loudness
        loudness = float(measured.metadata.get("lavfi.r128.I", loudness))


def write(out: Path, items: list[Item], model: str) -> None:
    """Write the page and, in the same folder, the key: study.html and study.key.json."""
    items = sorted(items, key=_pair)  # sorted by id, so that the order does not reveal the attention checks
    study = protocol.study_id({_pair(one): (protocol.clip_id(one.real), protocol.clip_id(one.other)) for one in items})
    listed = {
        _pair(one): {"instrument": "" if one.instrument == UNKNOWN else one.instrument, "clips": _clips(one)}
        for one in items
    }
    content = {
        "study": study,
        "format": protocol.ANSWERS,
        "questions": protocol.QUESTIONS,
        "trials": protocol.TRIALS,
        "enough": protocol.ENOUGH,
        "pairs": listed,
    }
    page = PAGE.read_text(encoding="utf-8").replace("{{study}}", json.dumps(content).replace("<", "\\u003c"))
    key = {
        "format": protocol.KEY,
        "study": study,
        "model": model,
        "pairs": {
            _pair(one): {
                "instrument": one.instrument,
                "source": one.source,
                "start_s": one.start_s,
                "check": one.check,
                "real": protocol.clip_id(one.real),
                "other": protocol.clip_id(one.other),
            }
            for one in items
        },
    }
    out.write_text(page, encoding="utf-8")
    out.with_suffix(".key.json").write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")


def _pair(one: Item) -> str:
    return protocol.pair_id((protocol.clip_id(one.real), protocol.clip_id(one.other)))


def _clips(one: Item) -> dict[str, str]:
    """Clip id → its bytes in base64, in the order of the ids, which does not reveal the recording."""
    return dict(sorted((protocol.clip_id(clip), base64.b64encode(clip).decode()) for clip in (one.real, one.other)))
