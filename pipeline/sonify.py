"""Sound for a silent video: `minet sonify my_video.mp4 -o out.mp4`.

The way is that of the pipeline: joints, movement, codes, spectrogram, sound; then the picture, packet by packet as it is, and the
new sound go into one file. Memory hardly grows with the length of the video: what does is its spectrogram, 15 MB a minute.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import joblib
import numpy as np
import torch
from tqdm import tqdm

from pipeline import coding, determinism, media, notes, params, priors, spectrogram, training, weights
from pipeline.corpus import look
from pipeline.corpus.track import Track
from pipeline.keypoints import detection
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.detection import Detected
from pipeline.keypoints.skeleton import BONES
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import sample_long
from pipeline.set_aside import NothingLeft

HERE = Path(__file__).parents[1]
# A video is divided into such parts, the same on any machine, so that several cores find joints in it.
PART_S = 10.0
SOMEBODY = 0.05  # share of the pictures; a player found in fewer was found by mistake
LINE = (0, 200, 255)  # of the skeleton that is drawn, blue first


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
    found = find(video, player, settings.keypoints)
    try:
        motion, _ = clean(found.keypoints, found.times, settings.motion.fps, settings.motion.min_confidence)
    except ValueError as error:
        raise NothingLeft(f"{media.shown(video)}: {error}; show the player from the front, head to hips") from None
    steps = round(len(motion) / settings.motion.fps * settings.audio.fps)
    indices = None
    if midi is not None:
        part = notes.parts(midi, 1)[0]
        indices = torch.from_numpy(notes.indices(part, steps, settings.audio.fps, settings.notes)[0].astype(np.int64))[
            None
        ]
    determinism.prepare(seed)
    with tqdm(total=steps, desc="codes", unit=" step", mininterval=1) as bar:
        codes = sample_long(
            prior,
            training.to_tensors({"motion": motion[None]})["motion"],
            indices,
            steps,
            context=2 * round(settings.windows.duration_s * settings.audio.fps / 2),
            temperature=temperature,
            guidance=settings.generate.guidance,
            generator=torch.Generator().manual_seed(seed),
            tick=bar.update,
        )[0].numpy()
    made = coding.decode_long(vqvae, codes)
    with tqdm(total=len(made), desc="sound", unit=" frame", mininterval=1) as bar:
        sound = spectrogram.long_sound(made, settings.audio, seed, tick=bar.update)
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


def find(video: Path, player: int, keypoints: params.Keypoints) -> Detected:
    """The joints of one player in every picture of a video.

    Raises:
        MediaError: the video cannot be read. NothingLeft: there is nobody in it, or no such player.
    """
    probe = media.probe(video)
    if not probe.has_video:
        raise media.MediaError(video, "no picture in it")
    left, right = _strip(video, player) if player else (0.0, 1.0)
    whole = Track(video.stem, video.stem, "unknown", video, video, left=left, right=right)
    starts_s = [number * PART_S for number in range(max(1, int(np.ceil(probe.duration_s / PART_S))))]
    work = (
        joblib.delayed(_find_part)(whole, start_s, None if start_s == starts_s[-1] else start_s + PART_S, keypoints)
        for start_s in starts_s
    )
    results = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")(work)
    parts = []
    with tqdm(total=round(probe.duration_s * probe.fps), desc="joints", unit=" picture", mininterval=1) as bar:
        for part in results:
            if part is not None:
                parts.append(part)
                bar.update(len(part.times))
    if not parts:
        raise media.MediaError(video, "no picture in it can be decoded")
    joints = np.concatenate([part.keypoints for part in parts])
    if detection.found_shares(joints)["body_found"] < SOMEBODY:
        raise NothingLeft(f"{media.shown(video)}: nobody in view; show the player's head, arms and hands")
    return replace(parts[0], keypoints=joints, times=np.concatenate([part.times for part in parts]))


def _find_part(whole: Track, start_s: float, end_s: float | None, keypoints: params.Keypoints) -> Detected | None:
    """The joints in a part of a video, at the times of the whole; None where no picture lies in it."""
    try:
        found = detection.detect(replace(whole, start_s=start_s, end_s=end_s), keypoints)
    except media.MediaError:
        if start_s == 0:
            raise
        return None  # the sound goes on longer than the picture
    return replace(found, times=found.times + start_s)


def _strip(video: Path, player: int) -> tuple[float, float]:
    from pipeline.keypoints import mediapipe_people  # seconds and 200 MB: only where it is used

    with mediapipe_people.finder() as finder:
        strips = look.strips(look.look(video, finder), 0.0, None)
    if player > len(strips):
        raise NothingLeft(
            f"{media.shown(video)}: {len(strips)} people seen in it, so there is no player {player} from the left"
        )
    return strips[player - 1]


def write_video(path: Path, video: Path, sound: np.ndarray, rate_hz: int, drawn: Detected | None) -> None:
    """The picture of a video with a new sound, both on the clock of the video.

    Args:
        sound: float32 [samples] from the video's time 0 on.
        drawn: joints to draw into the picture, which is then coded anew; without, its packets are copied.
    """
    with av.open(str(path), "w") as out:
        if drawn is None:
            with av.open(str(video)) as container:
                stream = next(iter(container.streams.video))
                copy = out.add_stream_from_template(stream)
                voice = _voice(out, rate_hz)
                zero = (container.start_time or 0) / av.time_base
                for packet in container.demux(stream):
                    if packet.dts is None:
                        continue
                    shift = round(zero / stream.time_base) if stream.time_base else 0
                    packet.dts -= shift
                    packet.pts = None if packet.pts is None else packet.pts - shift
                    packet.stream = copy
                    out.mux(packet)
        else:
            voice = _voice(out, rate_hz)  # first: a stream that is added after a packet was written has no clock
            _draw(out, video, drawn)
        _speak(out, voice, sound, rate_hz)


def _voice(out: av.container.OutputContainer, rate_hz: int) -> av.AudioStream:
    voice = out.add_stream("aac", rate=rate_hz)
    voice.layout = "mono"
    voice.bit_rate = 128_000
    return voice


def _speak(out: av.container.OutputContainer, voice: Any, sound: np.ndarray, rate_hz: int) -> None:
    block = 1 << 16
    for first in range(0, len(sound), block):
        part = np.clip(sound[None, first : first + block], -1, 1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, first
        out.mux(voice.encode(frame))
    out.mux(voice.encode(None))


def _draw(out: av.container.OutputContainer, video: Path, found: Detected) -> None:
    """Pictures with the skeleton in them, at their own times."""
    rate = 1000  # of the clock that the times are told by, ticks/s
    stream: Any = None
    at = dict(zip(np.round(found.times * rate).astype(int).tolist(), found.keypoints, strict=True))
    for time_s, picture in tqdm(media.frames(video), "picture", len(found.times), unit=" picture", mininterval=1):
        picture = np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
        if stream is None:
            stream = out.add_stream("libx264", rate=rate)
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
        joints = at.get(round(time_s * rate))
        if joints is not None:
            draw_skeleton(picture, joints)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = round(time_s * rate), Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def draw_skeleton(picture: np.ndarray, joints: np.ndarray) -> None:
    """Draw joints float32 [47, 3] into a picture, uint8 [height, width, 3], in place."""
    wide = max(1, picture.shape[0] // 240)
    for a, b in BONES:
        if joints[a, 2] > 0 and joints[b, 2] > 0:
            ends = [(int(joints[joint, 0]), int(joints[joint, 1])) for joint in (a, b)]
            cv2.line(picture, ends[0], ends[1], LINE, wide, cv2.LINE_AA)
