"""Writes the report: reports/report.md with tables and figures, and reports/index.html, which also has sounds."""

import json
import shutil

from pipeline import params
from pipeline.compute import determinism
from pipeline.corpus.track import read_tracks
from pipeline.dataset.artifacts import DEGRADED, METRICS, REPORTS
from pipeline.errors import run
from pipeline.report import drawing, figures, listening, page, text
from pipeline.report.drawing import read_csv
from pipeline.report.rows import ROWS, SYSTEMS, Metrics, skipped


def main() -> None:
    settings = params.load()
    determinism.prepare(settings.seed)
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir()
    metrics: Metrics = {row: json.loads((METRICS / f"{row}.json").read_text()) for row in ROWS}
    made = [row for row in ROWS if row not in skipped(metrics)]
    systems = [row for row in SYSTEMS if row in made]
    tracks = {track.name: track for track in read_tracks()}
    drawing.draw_training()
    drawing.draw_cells(made)
    drawing.draw_bodies(systems, settings.seed)
    drawing.draw_instruments()
    drawing.draw_samples([row for row in ("mi_net", "mi_net_content") if row in made], tracks, settings)
    drawing.draw_timing(settings)
    figures.degraded(REPORTS / "degraded.png", read_csv(DEGRADED), metrics["vqvae"]["onset_f1"])
    report = text.report(metrics, settings)
    (REPORTS / "report.md").write_text(report, encoding="utf-8")
    page.write(
        REPORTS / "index.html",
        text.remark(settings.corpus.name),
        report,
        listening.listened(systems, tracks, settings),
        settings,
    )


if __name__ == "__main__":
    run(main)
