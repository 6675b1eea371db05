"""The report of the separation: evaluations/separation/report/, with report.md, figures, and index.html to listen to."""

import json
import shutil

import numpy as np

from pipeline import params as shared
from pipeline.compute import determinism
from pipeline.errors import run
from pipeline.evaluation.rows import instrument_of
from pipeline.models.separator import Separator
from pipeline.report import separation_page
from pipeline.report.separation_page import Piece
from pipeline.sampling import separating
from pipeline.training import weights
from systems.separation import params, paths, rows, trials
from systems.separation.mixing import Mixture

ROWS = {
    "mixture": "the mixture itself",
    "fixed_filter": "the best fixed filter for each player",
    "nothing": "nothing seen, best order",
    "pixels": "pixels",
    "movement": "movement",
    "both": "both",
    "ideal": "ideal masks",
}
TITLES = {"different": "Different instruments", "alike": "Similar poses", "ensembles": "Ensembles"}


def main() -> None:
    settings, own = shared.load(), params.load()
    determinism.prepare(settings.seed)
    shutil.rmtree(paths.REPORT, ignore_errors=True)
    paths.REPORT.mkdir(parents=True)
    model = weights.load(paths.model(own.report.variant), {"separator": Separator})
    instruments = instrument_of()
    pieces, heard = [], {}
    for kind, mixtures in rows.tried(settings, own).items():
        chosen = np.unique(np.linspace(0, len(mixtures) - 1, min(own.report.pieces, len(mixtures))).round().astype(int))
        for number in chosen.tolist() if mixtures else []:
            names, mixture = mixtures[number]
            played = [f"{instruments[name]} {place}" for place, name in enumerate(names, start=1)]
            title = f"{TITLES[kind]}: {', '.join(names)}"
            parts = separating.separate(model, mixture.sounds.sum(0), trials.seen(model, mixture), settings)
            kinds = {"taken apart": parts, "as it was played": mixture.sounds}
            pieces.append(Piece(title, played, mixture.pictures[:, mixture.pictures.shape[1] // 2], kinds))
            if kind == "ensembles":
                heard[" + ".join(instruments[name] for name in names)] = played, mixture
    if heard:
        draw_masks(*next(iter(heard.items())), model, settings)
        if model.pixels is not None:
            draw_maps(heard, model, settings)
    made = {row: json.loads((paths.FIGURES / f"{row}.json").read_text(encoding="utf-8")) for row in ROWS}
    report = text(made, own, sorted(path.name for path in paths.REPORT.glob("*.png")))
    (paths.REPORT / "report.md").write_text(report, encoding="utf-8")
    remark = (
        f"Each player was told from the others by the model “{ROWS[own.report.variant]}”. "
        "All pieces are of tracks that no model was trained on, or of ensembles, on none of which a model was trained."
    )
    separation_page.write(paths.REPORT / "index.html", remark, report, pieces, settings.audio)


def draw_masks(title: str, piece: tuple[list[str], Mixture], model: Separator, settings: shared.Params) -> None:
    """Draw what one ensemble was taken apart by."""
    played, mixture = piece
    scale, whole = separating.scale_of(model, settings), mixture.sounds.sum(0)
    masks = separating.masks(model, whole, trials.seen(model, mixture), settings)
    together = Mixture(whole[None], mixture.motion, mixture.pictures)
    power = rows.powers(together, scale, settings)[0]
    parts = dict(zip(played, zip(masks, rows.powers(mixture, scale, settings), strict=True), strict=True))
    separation_page.masks(paths.REPORT / "masks.png", title, power, parts, model.every / settings.audio.fps)


def draw_maps(heard: dict[str, tuple[list[str], Mixture]], model: Separator, settings: shared.Params) -> None:
    """Draw where each ensemble is heard when each of its players is loudest against the others."""
    drawn = {}
    for title, (played, mixture) in heard.items():
        scale = separating.scale_of(model, settings)
        power = rows.powers(mixture, scale, settings).sum(2)  # [players, steps]
        volumes = separating.volumes(model, mixture.sounds.sum(0), trials.seen(model, mixture), settings)
        steps = np.argmax(
            power**2 / np.maximum(power.sum(0), power.max() * 1e-3), axis=1
        )  # loud, and louder than the others
        rows_of_pictures = (steps * model.every / settings.audio.fps * model.picture_fps).astype(int)
        rows_of_pictures = rows_of_pictures.clip(max=mixture.pictures.shape[1] - 1)
        pictures = mixture.pictures[:, rows_of_pictures].transpose(1, 0, 2, 3, 4)
        moments = [f"{name} is heard" for name in played]
        drawn[title] = pictures, volumes[:, steps].transpose(1, 0, 2), moments
    separation_page.maps(paths.REPORT / "map.png", drawn)


def text(made: dict[str, dict[str, float | None]], own: params.Params, pictures: list[str]) -> str:
    """The report, in Markdown."""

    def cell(row: str, key: str) -> str:
        value = made[row].get(key)
        return "" if value is None else f"{value:.2f}" if key.startswith("pointing") else f"{value:.1f}"

    lines = [
        "# Report",
        "",
        f"{own.evaluation.pairs} pairs of windows of test tracks of different instruments, as many of test tracks of the most "
        "similar poses, and the pieces of several players. All figures are means, in dB; the gain is that of the SDR over the "
        "mixture as its own estimate. Swapped: each player is shown as the next. Taken away: all stand still, in black pictures. "
        "Pointing: how often the loudest place in the picture lies on the player who is heard alone.",
        "",
    ]
    columns = {
        "SDR": "sdr",
        "gain": "sdr_gain",
        "SIR": "sir",
        "SAR": "sar",
        "SI-SDR": "si_sdr",
        "SIR, swapped": "sir_swapped",
        "SIR, taken away": "sir_zeroed",
        "pointing": "pointing",
        "by chance": "pointing_chance",
    }
    for kind, title in TITLES.items():
        lines += [f"## {title}", "", "| | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
        for row, name in ROWS.items():
            lines.append(f"| {name} | " + " | ".join(cell(row, f"{key}_{kind}") for key in columns.values()) + " |")
        lines.append("")
    named = {"map.png": "Where each player is heard", "masks.png": "The masks of an ensemble"}
    for picture in pictures:
        lines += [f"## {named[picture]}", "", f"![{named[picture]}]({picture})", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
