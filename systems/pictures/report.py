"""The report of music to pictures: evaluations/pictures/report/, with report.md, a contact sheet and two films."""

import json
import shutil
from itertools import islice

import cv2
import numpy as np

from pipeline import params as shared
from pipeline.compute import determinism
from pipeline.corpus import strips
from pipeline.corpus.track import read_tracks
from pipeline.dataset.shards import Shards
from pipeline.errors import run
from pipeline.evaluation.rows import instrument_of
from pipeline.media import encoding, sound_files
from pipeline.models.audio_to_body import AudioToBody
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener
from pipeline.report.style import new_figure, write_figure
from pipeline.sampling import dreaming, moving, repertoire
from pipeline.sampling.repertoire import Repertoire
from pipeline.training import weights
from systems.pictures import evaluate, examples, params, paths, rows
from systems.pictures.evaluate import WHOLE
from systems.separation import params as separation

ROWS = {
    "frame_vae_seed": "frame VAE, the seed's sizes",
    "frame_vae_better": "frame VAE, better",
    "recorded": "recorded pictures and movement",
    "recorded_decoded": "recorded pictures through the VAE",
    "dream": "dream",
    "dream_still": "dream without a walk",
    "walk": "silence",
    "player": "player, as the sound moves them",
    "player_drawn": "player, as they are drawn",
}
COLUMNS = {
    "squared_error": "error",
    "squared_error_pca": "PCA",
    "squared_error_ratio": "ratio",
    "instrument_seen": "instrument seen",
    "instrument_seen_shuffled": "another sound",
    "retrieved": "right picture",
    "retrieved_shuffled": "another sound",
    "change_correlation": "change with onsets",
    "change_correlation_shifted": "shifted",
    "onset_f1": "onset F1",
    "onset_f1_shifted": "shifted",
    "distinct": "distinct",
    "walk_memory": "memory",
    "walk_lingers_s": "lingers, s",
}


def main() -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    shutil.rmtree(paths.REPORT, ignore_errors=True)
    paths.REPORT.mkdir(parents=True)
    test = examples.seen(examples.of_part("test"), settings, own)
    instruments, known = instrument_of(), evaluate.players(settings)
    spread = np.unique(np.linspace(0, len(test.names) - 1, min(own.report.tracks, len(test.names))).astype(int))
    shown = [test.names[number] for number in spread]
    sheets: list[tuple[str, np.ndarray]] = []
    films: dict[str, tuple[str, np.ndarray]] = {}
    for name in shown:
        seen = test.pictures[test.track == test.names.index(name)]
        dreamt, drawn = dream(name, settings, own), play(name, known, settings, own)
        sheets += [(instruments[name], seen), ("dream", dreamt), ("player", drawn)]
        films = films or {"dream": (name, dreamt), "player": (name, drawn)}
    contact_sheet(sheets, own)
    for style, (name, film) in films.items():
        write_film(style, name, film, settings, own)
    (paths.REPORT / "report.md").write_text(text(own, films["dream"][0]), encoding="utf-8")


def dream(name: str, settings: shared.Params, own: params.Params) -> np.ndarray:
    """The film of a test track's sound, uint8 [pictures, size, size, 3], RGB."""
    listener = weights.load(paths.LISTENER, {"listener": Listener})
    vae = weights.load(paths.vae(own.listener.vae), {"frame_vae": FrameVAE})
    sound = Shards(paths.BANDS).rows("sound", name).astype(np.float32)
    count = round(min(len(sound) / settings.audio.fps, own.report.film_s) * listener.fps)
    places = dreaming.latents(
        listener, [sound], settings.audio.fps, lambda: count, wander=own.evaluation.wander, seed=settings.seed
    )
    return np.stack(list(islice(dreaming.pictures(vae, places), count)))


def play(name: str, known: list[Repertoire], settings: shared.Params, own: params.Params) -> np.ndarray:
    """The player of a test track's sound, uint8 [pictures, film_px, film_px, 3], RGB."""
    body = weights.load(paths.BODY, {"audio_to_body": AudioToBody})
    sound = Shards(paths.BANDS).rows("sound", name).astype(np.float32)
    _, lively, player = evaluate.played(body, sound, known, settings)
    at_fps = moving.at_rate([lively], body.fps, own.listener.fps)
    count = round(own.report.film_s * own.listener.fps)
    return np.stack([each[..., ::-1] for each in islice(repertoire.pictures(player, at_fps), count)])


def contact_sheet(sheets: list[tuple[str, np.ndarray]], own: params.Params) -> None:
    """Draw a row of pictures, evenly over time, for each of some films, uint8 [pictures, size, size, 3]."""
    size_px, lines = separation.load().pictures.size_px, []
    for _, film in sheets:
        chosen = film[np.linspace(0, len(film) - 1, own.report.pictures).astype(int)]
        lines.append(np.hstack([strips.square(each[..., ::-1], WHOLE, size_px) for each in chosen]))
    figure = new_figure(own.report.pictures + 1.5, len(sheets))
    for axes, (title, _), line in zip(figure.subplots(len(sheets), 1, squeeze=False)[:, 0], sheets, lines, strict=True):
        axes.imshow(line)
        axes.set_axis_off()
        axes.text(-0.01, 0.5, title, ha="right", va="center", transform=axes.transAxes)
    write_figure(figure, paths.REPORT / "contact_sheet.png")


def write_film(style: str, name: str, film: np.ndarray, settings: shared.Params, own: params.Params) -> None:
    """Write a film, uint8 [pictures, size, size, 3], RGB, with the sound of a track."""
    (track,) = (track for track in read_tracks() if track.name == name)
    sound, native_hz = sound_files.decode_audio(track.audio)
    first, count = round(track.start_s * native_hz), round(len(film) / own.listener.fps * native_hz)
    rate_hz, size_px = settings.audio.sample_rate_hz, (own.report.film_px, own.report.film_px)
    heard = sound_files.resample(sound[first : first + count], native_hz, rate_hz)
    larger = (cv2.resize(each[..., ::-1], size_px, interpolation=cv2.INTER_CUBIC) for each in film)
    (paths.REPORT / f"{style}.webm").write_bytes(encoding.webm(larger, own.listener.fps, heard, rate_hz))


def text(own: params.Params, name: str) -> str:
    """The report, in Markdown."""
    lines = [
        "# Report",
        "",
        "On the test tracks. Errors are squared errors over the variance of the pictures; PCA has as many components as the VAE "
        "has latents, found from the same training pictures. Instrument seen: by a judge that is trained on recorded pictures. "
        "Right picture: how often a sound finds it the most likely of one picture of each track at the same time. "
        "Change with onsets: "
        "correlation of the difference between two pictures with the onset strength. Onset F1: of the onsets that the movement "
        "reader of the paper's pipeline reads in the movement. Another sound: the same against another track's; shifted: against "
        "the same sound moved in time. Distinct: the share of pictures, one a second, that no earlier one is alike.",
        "",
        "| | " + " | ".join(COLUMNS.values()) + " |",
        "| --- " * (len(COLUMNS) + 1) + "|",
    ]
    for row, title in ROWS.items():
        path = paths.FIGURES / f"{row}.json"
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else dict.fromkeys(rows.KEYS)
        cells = ["" if found[key] is None else f"{found[key]:.2f}" for key in COLUMNS]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    memory, lingers_s = own.listener.memory, own.listener.lingers_s
    lines += [
        "",
        f"The walk was asked for a memory of {memory:g}, and to linger for {lingers_s:g} s.",
        "",
        "![Pictures of test tracks: recorded, dreamt, and of a drawn player](contact_sheet.png)",
        "",
        f"Films of the sound of {name}: [dream](dream.webm), [player](player.webm).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
