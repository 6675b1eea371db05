"""Sound for a silent video: `minet sonify my_video.mp4 -o out.mp4`.

The way is that of the pipeline: joints, movement, codes, spectrogram, sound; then the picture, packet by packet as it is, and the
new sound go into one file. Memory hardly grows with the length of the video: what does is its spectrogram, 15 MB a minute.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from tqdm import tqdm

from pipeline import coding, media, notes, params, priors, weights
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.detection import Detected
from pipeline.keypoints.skeleton import BONES
from pipeline.keypoints.whole_video import find
from pipeline.long_sound import long_sound
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import as_set, sample_long
from pipeline.set_aside import NothingLeft

HERE = Path(__file__).parents[1]
LINE = (0, 200, 255)  # of the skeleton that is drawn, blue first
TICKS_HZ = 1000  # of the clock that tells the times of drawn pictures, whatever the video's rate, or none


@dataclass(frozen=True)
class Sounded:
    """What was made of a video.

    Attributes:
        found: the player's joints.
        codes: int64 [frames] of the spectrogram.
        spectrogram: float32 [frames, bins].
        sound: float32 [samples], at audio.sample_rate_hz; sample 0 is at the video's time 0.
    """

    found: Detected
    codes: np.ndarray
    spectrogram: np.ndarray
    sound: np.ndarray


def sonify(
    video: Path, model: str, settings: params.Params, *, seed: int, temperature: float, player: int, midi: Path | None
) -> Sounded:
    """Music for the movement of one player in a video.

    Args:
        model: a name below models/, or the folder of a model; the VQ-VAE lies beside it.
        player: 0 for the most prominent person; else a number from 1, from the left.
        midi: the score, for a model with content; its notes are those of the first part.

    Raises:
        MediaError: the video cannot be read. NothingLeft: there is nobody in it. MidiError: the score cannot be used.
        ParamsError: the model is not there, or lacks a score.
    """
    prior, vqvae = load(model, midi is not None)
    # More pictures than rows of movement tell the model nothing, and to look at one takes longer than all that follows.
    found = find(video, player, settings.keypoints, max_fps=settings.motion.fps)
    try:
        motion, _ = clean(found.keypoints, found.times, settings.motion.fps, settings.motion.min_confidence)
    except ValueError as error:
        raise NothingLeft(f"{media.shown(video)}: {error}; show the player from the front, head to hips") from None
    steps = round(len(motion) / settings.motion.fps * settings.audio.fps)
    indices = None
    if midi is not None:
        part = notes.parts(midi, 1)[0]
        index, _, _ = notes.indices(part, steps, settings.audio.fps, settings.notes)
        indices = torch.from_numpy(index.astype(np.int64))[None]  # (1, T)
    with tqdm(total=steps, desc="codes", unit=" step", mininterval=1) as bar:
        codes = sample_long(
            prior,
            torch.from_numpy(motion)[None],
            indices,
            steps,
            replace(as_set(settings, vqvae), temperature=temperature),
            torch.Generator().manual_seed(seed),
            tick=bar.update,
        )[0].numpy()
    made = coding.decode_long(vqvae, codes)
    with tqdm(total=len(made) - 1, desc="sound", unit=" frame", mininterval=1) as bar:
        sound = long_sound(made, settings.audio, seed, tick=bar.update)
    return Sounded(found, codes, made, sound)


def load(model: str, with_notes: bool) -> tuple[priors.Model, VQVAE]:
    """A trained prior, and the VQ-VAE that its codes are of.

    Raises:
        ParamsError: one of them is not there, or the prior needs notes and has none, or has some and reads none.
    """
    folder = Path(model) if (Path(model) / "config.json").exists() else HERE / "models" / model
    beside = folder.parent / "vqvae"
    for place in (folder, beside):
        if not weights.exist(place):
            what = f"no trained model there; make it with: dvc repro, or fetch it with: dvc pull {place} {beside}"
            raise params.ParamsError(f"{media.shown(place)}: {what}")
    prior = priors.load(folder)
    if prior.reads_notes != with_notes:
        advice = (
            "give it a score with --midi" if prior.reads_notes else "leave --midi out, or choose a model with content"
        )
        raise params.ParamsError(
            f"{media.shown(folder)}: this model {'reads' if prior.reads_notes else 'does not read'} notes; {advice}"
        )
    return prior, weights.load(beside, VQVAE)


def write_video(path: Path, video: Path, sound: np.ndarray, rate_hz: int, drawn: Detected | None) -> None:
    """The picture of a video with a new sound, both on the clock of the video.

    Args:
        sound: float32 [samples] from the video's time 0 on.
        drawn: joints to draw into the picture, which is then coded anew; without, its packets are copied.

    Raises:
        MediaError: such a file cannot be written.
    """
    try:
        with av.open(str(path), "w") as out, av.open(str(video)) as source:
            shown = source.streams.best("video")
            assert isinstance(shown, av.VideoStream), f"{video}: nobody can have been found without a picture"
            # Both streams must be there before the first packet is written.
            picture = out.add_stream_from_template(shown) if drawn is None else _drawn_stream(out, video)
            voice = out.add_stream(out.default_audio_codec, rate=rate_hz)
            assert isinstance(voice, av.AudioStream)
            voice.layout, voice.bit_rate = "mono", 128_000
            packets = _copied(source, shown) if drawn is None else _drawn(picture, video, drawn)
            for packet in packets:
                packet.stream = picture
                out.mux(packet)
            for packet in _spoken(voice, sound, rate_hz):
                out.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise media.MediaError(path, f"cannot be written ({why}); choose a name that ends in .mp4 or .mkv") from None


def _copied(source: av.container.InputContainer, shown: av.VideoStream) -> Iterator[av.Packet]:
    assert shown.time_base
    zero = round(Fraction(source.start_time or 0, av.time_base) / shown.time_base)
    for packet in source.demux(shown):
        if packet.dts is not None:  # the last is empty
            packet.dts -= zero
            packet.pts = None if packet.pts is None else packet.pts - zero
            yield packet


def _drawn_stream(out: av.container.OutputContainer, video: Path) -> av.VideoStream:
    stream = out.add_stream("libx264", rate=TICKS_HZ)
    height_px, width_px = next(media.frames(video))[1].shape[:2]  # as it is shown, which need not be as it is stored
    stream.width, stream.height = width_px // 2 * 2, height_px // 2 * 2  # it halves them for the colours
    stream.pix_fmt = "yuv420p"
    return stream


def _drawn(stream: av.VideoStream, video: Path, found: Detected) -> Iterator[av.Packet]:
    """Pictures with the skeleton in them, at their own times."""
    middles = (found.times[1:] + found.times[:-1]) / 2  # not every picture was looked at: the nearest has the joints
    probe = media.probe(video)
    total, lasts = round(probe.duration_s * probe.fps), round(TICKS_HZ / probe.fps)
    for time_s, picture in tqdm(media.frames(video), "picture", total, unit=" picture", mininterval=1):
        picture = np.ascontiguousarray(picture[: stream.height, : stream.width])
        draw_skeleton(picture, found.keypoints[np.searchsorted(middles, time_s)])
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.duration, frame.time_base = round(time_s * TICKS_HZ), lasts, Fraction(1, TICKS_HZ)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _spoken(voice: av.AudioStream, sound: np.ndarray, rate_hz: int) -> Iterator[av.Packet]:
    for first in range(0, len(sound), rate_hz):
        part = np.clip(sound[None, first : first + rate_hz], -1, 1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, first, Fraction(1, rate_hz)
        yield from voice.encode(frame)
    yield from voice.encode(None)


def draw_skeleton(picture: np.ndarray, joints: np.ndarray) -> None:
    """Draw joints float32 [47, 3] into a picture, uint8 [height, width, 3], in place."""
    wide = max(1, picture.shape[0] // 240)
    for a, b in BONES:
        if joints[a, 2] > 0 and joints[b, 2] > 0:
            ends = [(int(joints[joint, 0]), int(joints[joint, 1])) for joint in (a, b)]
            cv2.line(picture, ends[0], ends[1], LINE, wide, cv2.LINE_AA)
