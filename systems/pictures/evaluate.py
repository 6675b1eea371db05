"""Evaluate music to pictures on the test tracks: metrics/pictures/<row>.json, and what the judge sees in evaluations/pictures/.

Rows: the frame VAEs (`frame_vae_<variant>`); recorded pictures (`recorded`), and through the VAE (`recorded_decoded`), the
ceilings; films of the test tracks' sound (`dream`, and without a walk, `dream_still`); a film of silence (`walk`); the movement to
the sound (`player`), and as it is drawn (`player_drawn`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from tqdm import tqdm

from pipeline import params as shared
from pipeline.audio import onset_detector, streamed
from pipeline.compute import determinism
from pipeline.corpus import strips
from pipeline.dataset.artifacts import MOTION, NOTES, SPECTROGRAMS
from pipeline.dataset.shards import Shards
from pipeline.errors import run
from pipeline.evaluation.rows import Metrics, folder, in_batches, instrument_of, mean
from pipeline.models.audio_to_body import AudioToBody
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener, log_likelihood
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.picture_classifier import PictureClassifier
from pipeline.sampling import dreaming, moving, repertoire
from pipeline.sampling.repertoire import Repertoire
from pipeline.sampling.walk import walk
from pipeline.studio.instruments import BY_CODE
from pipeline.training import weights
from systems.pictures import examples, params, paths, rows
from systems.pictures.examples import Seen
from systems.pictures.movement_onsets import onsets
from systems.separation import params as separation

PLAYER_PX = 240  # of the player's pictures before they are made small
WHOLE = 0.0, 1.0


@dataclass(frozen=True)
class Judged:
    """What the judge says of the pictures of each track: the share of each instrument, float64 [tracks, instruments]."""

    tracks: list[str]
    instruments: list[str]
    shares: np.ndarray

    def metrics(self) -> Metrics:
        """How often the right instrument is seen, and that of another track."""
        true = instrument_of()
        asked = [self.instruments.index(true[track]) for track in self.tracks]
        order = np.roll(np.arange(len(asked)), len(asked) // 2)
        return {
            "instrument_seen": mean(self.shares[np.arange(len(asked)), asked]),
            "instrument_seen_shuffled": mean(self.shares[order, asked]) if len(asked) > 1 else None,
            "instrument_chance": 1 / len(self.instruments),
        }

    def write(self, row: str) -> None:
        table = pd.DataFrame(self.shares, index=pd.Index(self.tracks, name="track"), columns=self.instruments)
        table.to_csv(folder(f"{paths.ROW}/{row}") / "seen.csv", float_format="%.4g")


def main() -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    test = examples.seen(examples.of_part("test"), settings, own)
    judge = weights.load(paths.JUDGE, {"picture_classifier": PictureClassifier})
    listener = weights.load(paths.LISTENER, {"listener": Listener})
    vae = weights.load(paths.vae(own.listener.vae), {"frame_vae": FrameVAE})

    errors(test, settings, own)
    recorded = judged(judge, test, lambda track: examples.to_tensor(test.pictures[test.track == track]))
    decoded = judged(judge, test, lambda track: through(vae, test.pictures[test.track == track]))
    for row, found in (("recorded", recorded), ("recorded_decoded", decoded)):
        found.write(row)
        rows.write(row, found.metrics() | (movement_of_players(test, settings, own) if row == "recorded" else {}))
    for row, wander in (("dream", own.evaluation.wander), ("dream_still", 0.0)):
        dreams(row, wander, test, judge, listener, vae, settings, own)
    walks(listener, vae, settings, own)
    bodies(test, judge, settings, own)


def errors(test: Seen, settings: shared.Params, own: params.Params) -> None:
    """The squared error of each frame VAE over the variance of the test pictures, and that of as many principal components."""
    train = examples.seen(examples.of_part("train"), settings, own, more=True, unheard=True)
    known = train.pictures[:: own.evaluation.pca_every].reshape(-1, test.pictures[0].size).astype(np.float32) / 255
    asked = test.pictures.reshape(len(test.pictures), -1).astype(np.float32) / 255
    variance = float(((asked - known.mean(0)) ** 2).mean())
    for name, chosen in own.variants.items():
        model = weights.load(paths.vae(name), {"frame_vae": FrameVAE})
        made = through(model, test.pictures).numpy()
        error = float(((np.moveaxis(made, 1, -1).reshape(asked.shape) - asked) ** 2).mean()) / variance
        count = min(chosen.latent, len(known))
        pca = PCA(count, svd_solver="randomized", random_state=settings.seed).fit(known)
        of_pca = float(((pca.inverse_transform(pca.transform(asked)) - asked) ** 2).mean()) / variance
        rows.write(
            f"frame_vae_{name}",
            {"squared_error": error, "squared_error_pca": of_pca, "squared_error_ratio": error / of_pca},
        )


def through(vae: FrameVAE, pictures: np.ndarray) -> torch.Tensor:
    """Pictures uint8 [rows, size, size, 3] through a VAE without noise: float32 (rows, 3, size, size)."""
    made = in_batches(lambda part: vae.decode(vae.encode(part)[0]), examples.to_tensor(pictures))
    return torch.from_numpy(made)


def judged(judge: PictureClassifier, test: Seen, pictures_of: Callable[[int], torch.Tensor]) -> Judged:
    """What the judge sees in the pictures that are made for each test track."""
    shares = np.zeros((len(test.names), len(judge.instruments)))
    for track in range(len(test.names)):
        answers = in_batches(judge.logits, pictures_of(track)).argmax(1)
        shares[track] = np.bincount(answers, minlength=len(judge.instruments)) / len(answers)
    return Judged(test.names, judge.instruments, shares)


def dreams(
    row: str,
    wander: float,
    test: Seen,
    judge: PictureClassifier,
    listener: Listener,
    vae: FrameVAE,
    settings: shared.Params,
    own: params.Params,
) -> None:
    """The row of films of the test tracks' sound."""
    chosen, heard, spectrograms = own.evaluation, Shards(paths.BANDS), Shards(SPECTROGRAMS)
    films, changes = [], []
    for number, name in enumerate(tqdm(test.names, row, unit=" film")):
        sound = heard.rows("sound", name).astype(np.float32)
        count = int(len(sound) / settings.audio.fps * listener.fps)
        places = dreaming.latents(
            listener, [sound], settings.audio.fps, partial(int, count), wander=wander, seed=settings.seed + number
        )
        film = np.stack(list(islice(dreaming.pictures(vae, places), count)))
        strength = onset_detector.onset_strength(spectrograms.rows("spectrogram", name), settings.audio.fps)
        changes.append(
            rows.change_correlations(
                rows.frame_change(film),
                strength,
                listener.fps,
                settings.audio.fps,
                chosen.smoothed_s,
                chosen.shifts,
            )
        )
        films.append(film)
    found = judged(judge, test, lambda track: examples.to_tensor(films[track]))
    found.write(row)
    together = np.concatenate([film[:: round(listener.fps)] for film in films])
    correlations = np.array(changes).mean(0)
    metrics: Metrics = {
        **found.metrics(),
        "change_correlation": float(correlations[0]),
        "change_correlation_shifted": float(correlations[1]),
        "distinct": rows.distinct(together, chosen.alike),
    }
    rows.write(row, metrics | (retrieval(listener, vae, test, chosen.retrieved) if not wander else {}))


def retrieval(listener: Listener, vae: FrameVAE, test: Seen, most: int) -> Metrics:
    """How often the picture that a sound finds most likely is the right one, among those of other tracks at the same time."""
    tracks = np.arange(len(test.names))[:most]
    shortest = min(int((test.track == track).sum()) for track in tracks)
    first = np.array([np.flatnonzero(test.track == track)[0] for track in tracks])
    right, other = [], []
    for place in range(shortest):
        here = first + place
        with torch.inference_mode():
            sound = torch.from_numpy(test.windows(here))
            latent = vae.encode(examples.to_tensor(test.pictures[here]))[0]
            best = log_likelihood(*listener.hear(sound), latent).argmax(1).numpy()
        right.append(best == tracks)
        other.append(np.roll(best, len(tracks) // 2) == tracks)
    return {
        "retrieved": float(np.mean(right)),
        "retrieved_shuffled": float(np.mean(other)),
        "retrieved_chance": 1 / len(tracks),
    }


def walks(listener: Listener, vae: FrameVAE, settings: shared.Params, own: params.Params) -> None:
    """The row of silence: whether the walk is as its parameters say, and how many different pictures it shows."""
    chosen, fps = own.evaluation, listener.fps
    generator = np.random.default_rng(settings.seed)
    pace = fps, listener.memory, listener.lingers_s, listener.travels_s
    steps = np.stack(list(islice(walk(vae.latent, *pace, generator, repeat(1.0)), round(chosen.walk_s * fps))))
    memory, lingers_s = measured(steps, fps)
    count = round(own.report.film_s * fps)
    silence = np.full((round(own.report.film_s * settings.audio.fps), listener.bands), streamed.SILENCE, np.float32)
    places = dreaming.latents(
        listener, [silence], settings.audio.fps, lambda: count, wander=chosen.wander, seed=settings.seed
    )
    film = np.stack(list(islice(dreaming.pictures(vae, places), count)))
    seconds = film[:: round(fps)]
    metrics: Metrics = {
        "distinct": rows.distinct(seconds, chosen.alike),
        "walk_memory": memory,
        "walk_lingers_s": lingers_s,
    }
    rows.write("walk", metrics)


def measured(steps: np.ndarray, fps: float) -> tuple[float, float]:
    """The correlation of a walk's points with the next, and the mean time at a point in s, from its places [frames, latent]."""
    still = (steps[1:] == steps[:-1]).all(1)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], still, [0]]).astype(int)))
    begin, end = ends[::2], ends[1::2]
    points = steps[begin]
    memory = float((points[1:] * points[:-1]).mean() / (points**2).mean())
    return memory, float((end - begin + 1)[1:-1].mean() / fps)


def bodies(test: Seen, judge: PictureClassifier, settings: shared.Params, own: params.Params) -> None:
    """The rows of players who play the test tracks' sound: their movement, and what is drawn of it."""
    body = weights.load(paths.BODY, {"audio_to_body": AudioToBody})
    pictures = separation.load().pictures
    known = players(settings)
    heard, moved, drawn, shown = Shards(paths.BANDS), [], [], []
    for name in tqdm(test.names, "player", unit=" track"):
        sound = heard.rows("sound", name).astype(np.float32)
        movement, lively, player = played(body, sound, known, settings)
        performance = repertoire.performed(player, lively)
        moved.append(movement)
        drawn.append(repertoire.normalised(performance.joints, player.unit_px))
        seen = lively[:: round(body.fps / pictures.fps)]
        shown.append(
            np.stack([strips.square(each, WHOLE, pictures.size_px) for each in repertoire.pictures(player, [seen])])
        )
    found = judged(judge, test, lambda track: examples.to_tensor(shown[track]))
    found.write("player")
    rows.write("player", found.metrics() | movement_metrics(test, moved, body.fps, settings, own))
    rows.write("player_drawn", movement_metrics(test, drawn, body.fps, settings, own))


def players(settings: shared.Params) -> list[Repertoire]:
    """The players who may be drawn, one of each instrument."""
    body = weights.load(paths.BODY, {"audio_to_body": AudioToBody})
    instruments = [BY_CODE[code] for code in settings.studio.instruments]
    return [repertoire.learn(each, settings.seed, body.repertoire_s, body.fps, PLAYER_PX) for each in instruments]


def played(
    body: AudioToBody, sound: np.ndarray, known: list[Repertoire], settings: shared.Params
) -> tuple[np.ndarray, np.ndarray, Repertoire]:
    """The movement to a sound [frames, bands], float32 [rows, 47, 2]; as it is drawn; and who makes it, as in `minet visualise`."""
    count = round(len(sound) / settings.audio.fps * body.fps)
    anywhere = np.concatenate(list(moving.movement(body, [sound], settings.audio.fps)))[:count]
    player = repertoire.most_alike(known, anywhere)
    movement = np.concatenate(list(moving.movement(body, [sound], settings.audio.fps, player.poses[:2])))
    movement = movement[:count]
    return movement, repertoire.to_life(player, movement, movement, body.liveliest), player


def movement_of_players(test: Seen, settings: shared.Params, own: params.Params) -> Metrics:
    """The ceiling of the onsets: those in the recorded players' movement."""
    motion = Shards(MOTION)
    moved = [motion.rows("motion", name) for name in test.names]
    return movement_metrics(test, moved, settings.motion.fps, settings, own)


def movement_metrics(
    test: Seen, moved: list[np.ndarray], motion_fps: float, settings: shared.Params, own: params.Params
) -> Metrics:
    """Onset F1 of some movements [rows, 47, 2], one for each test track, as the paper's reader reads them."""
    reader = weights.load(paths.MUSIC, {"mi_net_sync": MINetSync}).reader
    notes, chosen, fps = Shards(NOTES), own.evaluation, settings.audio.fps
    figures = []
    for name, movement in zip(test.names, moved, strict=True):
        true_s = np.flatnonzero(notes.rows("onsets", name)) / fps
        found_s = onsets(reader, movement, motion_fps, fps, chosen.onset_height)
        length_s = len(movement) / motion_fps
        figures.append(rows.onset_f1s(true_s, found_s, length_s, settings.evaluate.onset_tolerance_s, chosen.shifts))
    f1, shifted = np.nanmean(np.array(figures), axis=0)
    return {"onset_f1": float(f1), "onset_f1_shifted": float(shifted)}


if __name__ == "__main__":
    run(main)
