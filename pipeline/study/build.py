"""A listening study as one page: pairs of clips with the same picture, one with recorded and one with generated sound, or sets of
clips with the sounds of several models.

Only the sound can tell the clips of a pair or a set apart. They have the same picture, length, sample rate, loudness and fades, and
the constant bit rate gives them the same size. The page identifies clips by a digest of their bytes. A separate file, the key,
says which system each clip is of.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
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
from pipeline.dataset.shards import Shards
from pipeline.errors import FileError, NothingLeft, ParamsError, shown
from pipeline.media import encoding, picture_files, probing
from pipeline.notes.events import Code
from pipeline.params import Params
from pipeline.sampling import codec, event_sampler
from pipeline.sampling.playing import BY_NAME, FALLBACK, play
from pipeline.sampling.samples import Samples
from pipeline.study import protocol
from pipeline.training import weights

RECORDED = "recorded"  # in the place of a model
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
    """A pair of clips, or a set of more, WebM.

    Attributes:
        clips: one of each system, in their order. In an attention check, the first is a recording and the others are noise.
        check: whether it is an attention check.
    """

    instrument: str
    source: str
    start_s: float
    clips: tuple[bytes, ...]
    check: bool


def build(out: Path, systems: Sequence[str], questions: str, settings: Params, pairs: int) -> tuple[int, int]:
    """Make a study from the run in the current folder: the page `out`, and its key in the same folder.

    Args:
        systems: names below samples/, or `RECORDED`. They are compared with one another.
        questions: a kind of study in `protocol.STUDIES`.
        pairs: number of windows per instrument, each a pair of clips, or a set of as many as there are systems.

    Returns:
        The number of pairs and the number of attention checks.

    Raises:
        ParamsError: a model's samples or the VQ-VAE are missing.
        NothingLeft: no window can be used.
        FileError: a file of the corpus cannot be used.
    """
    tracks = {track.name: track for track in read_tracks()}
    made = {system: samples_of(system, settings, tracks) for system in systems if system != RECORDED}
    generator = np.random.default_rng(settings.seed)
    calls = list(tqdm(of_models(systems, made, tracks, settings, pairs, generator), "windows", unit=" window"))
    if not calls:
        names = ", ".join(shown(SAMPLES / name) for name in made)
        raise NothingLeft(f"{names}: no window whose recording is heard; is it of this corpus?")
    calls += list(of_training(len(systems), tracks, settings, generator))
    items = list(tqdm(parallel.each(item, calls, settings.compute.backend), "clips", len(calls), unit=" set"))
    write(out, items, systems, questions)
    checks = sum(one.check for one in items)
    return len(items) - checks, checks


Place = tuple[str, int]  # a test track, and the first spectrogram frame of a window
Sound = np.ndarray  # a log-spectrogram, float32 [frames, bins], or a sound, float32 [samples]
Made = dict[Place, Callable[[], Sound]]  # what a model made for each window
Call = tuple[Track, float, int, Sequence[Sound | None], bool, Params]  # the arguments of `item`


def samples_of(model: str, settings: Params, tracks: dict[str, Track]) -> Made:
    """The windows of the first repeat of a model.

    Raises:
        ParamsError: its samples or the VQ-VAE are missing.
        NothingLeft: the model was not trained.
    """
    folder, coder = SAMPLES / model, MODELS / "vqvae"

    def there(place: Path, found: bool) -> None:
        if not found:
            whole = "" if model in {**settings.variants.prior, **settings.variants.baseline} else " -P"
            advice = f"make it with: dvc repro{whole}, or fetch it with: dvc pull {shown(place)}"
            raise ParamsError(f"{shown(place)}: nothing there; {advice}")

    there(folder, (folder / "index.parquet").is_file())
    shards = Shards(folder)
    if not len(shards.index):
        raise NothingLeft(f"{shown(folder)}: this model was not trained; choose another")
    if "tokens" in shards.arrays:
        there(MODELS / model, weights.exist(MODELS / model))
        code = Code(**weights.config(MODELS / model).sizes["code"])
        return {
            (source, int(start)): partial(played, shards, name, code, tracks[source].instrument, settings)
            for name, source, start in zip(
                shards.index.index, shards.index.source, shards.index.source_start, strict=True
            )
            if source in tracks
        }
    if not {"codes", "spectrogram"} & {*shards.arrays}:
        raise ParamsError(f"{shown(folder)}: neither sound nor the notes of a video; choose another model")
    there(coder, weights.exist(coder))
    samples = Samples(folder, codec.load(coder))
    first = samples.index[samples.index.repeat == 0]
    return {
        (source, int(start)): partial(spectrogram_of, samples, name)
        for name, source, start in zip(first.index, first.source, first.source_start, strict=True)
    }


def spectrogram_of(samples: Samples, name: str) -> np.ndarray:
    return samples.spectrograms([name])[0]


def played(shards: Shards, name: str, code: Code, instrument: str, settings: Params) -> np.ndarray:
    """The sound of a window of notes, played by the instrument that is seen; by a piano if nobody knows it."""
    duration_s, rate_hz = settings.windows.duration_s, settings.audio.sample_rate_hz
    notes = event_sampler.notes(shards.rows("tokens", name), code, duration_s)
    return play(notes, BY_NAME.get(instrument, BY_NAME[FALLBACK]), duration_s, rate_hz, settings.seed)


def of_models(
    systems: Sequence[str],
    made: dict[str, Made],
    tracks: dict[str, Track],
    settings: Params,
    pairs: int,
    generator: np.random.Generator,
) -> Iterator[Call]:
    """`pairs` windows per instrument for which each model made something, as far apart as possible.

    A window with a silent recording is left out: there is nothing to compare with. A window with a silent sample is kept, since
    leaving it out would flatter the model.
    """
    first, *others = made.values()
    places: dict[str, list[Place]] = {}
    for place in first:
        if place[0] in tracks and all(place in other for other in others):
            places.setdefault(tracks[place[0]].instrument, []).append(place)
    frames = round(settings.windows.duration_s * settings.audio.fps)
    for _, here in sorted(places.items()):
        found = 0
        for source, start in spread(here, generator):
            start_s = start / settings.audio.fps
            if found < pairs and audible(recording(tracks[source], start_s, frames, settings), settings):
                found += 1
                sounds = [None if system == RECORDED else made[system][source, start]() for system in systems]
                yield tracks[source], start_s, frames, sounds, False, settings
            if found == pairs:
                break


def spread(places: list[Place], generator: np.random.Generator) -> Iterator[Place]:
    """Places (track, first row), each as far as possible from all places before it. Other tracks count as farthest."""
    left = [places[number] for number in generator.permutation(len(places))]
    before: list[Place] = []

    def distance(place: Place) -> tuple[int, int]:
        same = [abs(place[1] - start) for source, start in before if source == place[0]]
        return -len(same), min(same, default=0)

    while left:
        farthest = max(left, key=distance)
        left.remove(farthest)
        before.append(farthest)
        yield farthest


def of_training(
    sides: int, tracks: dict[str, Track], settings: Params, generator: np.random.Generator
) -> Iterator[Call]:
    """Windows for the attention checks: the middles of training tracks. A check reveals its recording, so no pair may use it."""
    names = [name for name in split.tracks(SPLITS, "train") if name in tracks]
    frames = round(settings.windows.duration_s * settings.audio.fps)
    length = (frames - 1) * settings.audio.hop_length
    noises = [
        np.random.default_rng((settings.seed, side)).normal(size=length).astype(np.float32) for side in range(1, sides)
    ]
    found = 0
    for number in generator.permutation(len(names)):
        track = tracks[names[number]]
        length_s = len(sound.of_track(track, settings.audio.sample_rate_hz)) / settings.audio.sample_rate_hz
        start_s = max(0.0, (length_s - settings.windows.duration_s) / 2)
        if audible(recording(track, start_s, frames, settings), settings):
            found += 1
            yield track, start_s, frames, [None, *noises], True, settings
        if found == CHECKS:
            return


def item(
    track: Track, start_s: float, frames: int, made: Sequence[Sound | None], check: bool, settings: Params
) -> Item:
    """The clips for one window of a track.

    Args:
        start_s: start of the window in the track, s; frames: its length, in frames of a spectrogram.
        made: what is heard in each clip; None for the recording.
        check: whether it is an attention check.
    """
    rate_hz = settings.audio.sample_rate_hz
    real = recording(track, start_s, frames, settings)
    sounds = []
    for one in made:
        heard = real if one is None else phases.sound(one, settings.audio) if one.ndim == 2 else one
        sounds.append(np.pad(heard[: len(real)], (0, max(len(real) - len(heard), 0))))
    fps = min(probing.probe(track.video).fps or FPS, FPS)
    seen = pictures(track, start_s, len(real) / rate_hz, fps)
    clips = tuple(encoding.webm(seen, fps, heard, rate_hz) for heard in alike(sounds, rate_hz))
    return Item(track.instrument, track.name, round(start_s, 3), clips, check)


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


def alike(sounds: Sequence[np.ndarray], rate_hz: int) -> list[np.ndarray]:
    """Sounds of one length with the same loudness and fades. A silent sound stays silent."""
    length = min(round(FADE_S * rate_hz), len(sounds[0]) // 2)
    fade = np.ones(len(sounds[0]), np.float32)
    fade[:length] = np.sin(np.linspace(0, np.pi / 2, length)) ** 2
    fade[len(fade) - length :] = fade[:length][::-1]
    loud = [_at_loudness(heard * fade, rate_hz) for heard in sounds]
    peak = max(float(np.abs(heard).max()) for heard in loud)
    return [heard * np.float32(min(1.0, PEAK / max(peak, 1e-9))) for heard in loud]


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


def write(out: Path, items: list[Item], systems: Sequence[str], questions: str) -> None:
    """Write the page and, in the same folder, the key: study.html and study.key.json."""
    items = sorted(items, key=_pair)  # sorted by id, so that the order does not reveal the attention checks
    kind = protocol.STUDIES[questions]
    study = protocol.study_id({_pair(one): _ids(one) for one in items})
    listed = {
        _pair(one): {"instrument": "" if one.instrument == UNKNOWN else one.instrument, "clips": _clips(one)}
        for one in items
    }
    content = {
        "study": study,
        "format": protocol.ANSWERS,
        "kind": questions,
        "title": kind.title,
        "sides": protocol.SIDES[: len(systems)],
        "questions": kind.questions,
        "trials": protocol.TRIALS,
        "enough": protocol.ENOUGH,
        "pairs": listed,
    }
    page = PAGE.read_text(encoding="utf-8").replace("{{study}}", json.dumps(content).replace("<", "\\u003c"))
    key = {
        "format": protocol.KEY,
        "study": study,
        "questions": questions,
        "systems": [*systems],
        "pairs": {
            _pair(one): {
                "instrument": one.instrument,
                "source": one.source,
                "start_s": one.start_s,
                "check": one.check,
                "clips": _ids(one),
            }
            for one in items
        },
    }
    out.write_text(page, encoding="utf-8")
    out.with_suffix(".key.json").write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")


def _pair(one: Item) -> str:
    return protocol.pair_id(_ids(one))


def _ids(one: Item) -> list[str]:
    """The ids of its clips, in the order of the systems."""
    return [protocol.clip_id(clip) for clip in one.clips]


def _clips(one: Item) -> dict[str, str]:
    """Clip id → its bytes in base64, in the order of the ids, which does not reveal the recording."""
    return dict(sorted((protocol.clip_id(clip), base64.b64encode(clip).decode()) for clip in one.clips))
