"""Tables, figures and sounds for people: reports/report.md, reports/index.html."""

import json
import shutil
from pathlib import Path

from pipeline import params
from pipeline.compute import determinism
from pipeline.corpus.track import read_tracks
from pipeline.errors import run
from pipeline.report import drawing, figures, listening, page, text
from pipeline.report.drawing import OUT, read_csv
from pipeline.report.rows import ROWS, SYSTEMS, Metrics, skipped


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    metrics: Metrics = {row: json.loads(Path(f"metrics/{row}.json").read_text()) for row in ROWS}
    made = [row for row in ROWS if row not in skipped(metrics)]
    systems = [row for row in SYSTEMS if row in made]
    tracks = {track.name: track for track in read_tracks()}
    drawing.draw_training()
    drawing.draw_cells(made)
    drawing.draw_bodies(systems, settings.seed)
    drawing.draw_instruments()
    drawing.draw_samples([row for row in ("mi_net", "mi_net_content") if row in made], tracks, settings)
    drawing.draw_timing(settings)
    figures.degraded(OUT / "degraded.png", read_csv("evaluations/degraded.csv"), metrics["vqvae"]["onset_f1"])
    report = text.report(metrics, settings)
    (OUT / "report.md").write_text(report, encoding="utf-8")
    page.write(
        OUT / "index.html",
        text.remark(settings.corpus.name),
        report,
        listening.listened(systems, tracks, settings),
        settings,
    )


if __name__ == "__main__":
    run(main)
