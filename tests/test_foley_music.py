"""systems/foley_music: its stages on a toy corpus, its parameters, and its notes for a video."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pretty_midi
import pytest
import torch
from make_hands import no_one, two_hands
from make_media import PROFILE, blank, write_video, write_wav
from pretty_midi import Note
from ruamel.yaml import YAML

from pipeline import params
from pipeline.commands import deps, minet
from pipeline.compute.closure import ROOT, closure
from pipeline.corpus.track import Track, write_tracks
from pipeline.dataset.artifacts import MORE_PLAYERS, MOTION, NOTES, SPLITS, TRACKS
from pipeline.dataset.shards import ShardWriter
from pipeline.errors import NothingLeft, ParamsError
from pipeline.evaluation import rows as shared_rows
from pipeline.keypoints import detection, mediapipe_hands
from pipeline.keypoints.skeleton import BONES, JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_WRIST
from pipeline.models.event_transformer import EventTransformer
from pipeline.notes import heard as heard_notes
from pipeline.notes import key, midi_file, note_table
from pipeline.notes.events import Code
from pipeline.sampling import batches
from pipeline.studio import pieces, synthesis
from pipeline.studio.instruments import BY_CODE
from pipeline.studio.score import Part
from pipeline.training import weights
from systems.foley_music import degrade, evaluate, examples, generate, notes, paths, rows, score, train
from systems.foley_music import params as own

SYSTEM = ROOT / "systems" / "foley_music"
SMALL = {"channels": 8, "encoder_layers": 1, "layers": 1, "width": 16, "heads": 2, "longest": 40}


def test_the_stages_of_dvc_yaml_are_the_modules() -> None:
    """Each runs a module of its own that it depends on, with the parameters of the variant that it is given."""
    stages = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    assert set(own.load().variants) == set(stages["train"]["foreach"])
    for name, spec in stages.items():
        each = spec.get("do", spec)
        variant = " ${item}" if "do" in spec else " foley_timed" if name == "degrade" else ""
        assert each["cmd"] == f"python -m systems.foley_music.{name}{variant}"
        assert each["wdir"] == "../.."
        assert f"systems/foley_music/{name}.py" in each["deps"]
        read = (SYSTEM / f"{name}.py").read_text()
        declared = str(each["params"])
        assert ("variants.${item}" in declared or name in ("score", "degrade")) == (
            "variant(" in read or name == "score"
        )


def test_the_papers_pipeline_knows_nothing_of_it() -> None:
    """Or a change here would make the committed run stale."""
    for stage in (ROOT / "stages").glob("*.py"):
        assert not {path for path in closure(stage) if path.is_relative_to(ROOT / "systems")}
    for library in (ROOT / "pipeline").rglob("*.py"):
        assert not {path for path in closure(library) if path.is_relative_to(ROOT / "systems")}, library
    assert ROOT / "dvc.yaml" in deps.pipelines() and SYSTEM / "dvc.yaml" in deps.pipelines()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            ("variants", "foley_timed", "heads"),
            5,
            "variants.foley_timed.heads = 5: twice as many must divide the width",
        ),
        (("variants", "foley_timed", "dropout"), 1.5, "variants.foley_timed.dropout = 1.5: must be from 0 to below 1"),
        (("midis",), "many", "midis = 'many': input should be a valid integer"),
        (("drift", "hops"), 1, "drift.hops = 1: extra inputs are not permitted"),
    ],
)
def test_an_unusable_parameter_is_one_line(tmp_path: Path, key: tuple[str, ...], value: object, said: str) -> None:
    yaml, path = YAML(), tmp_path / "params.yaml"
    tree = yaml.load(SYSTEM / "params.yaml")
    place = tree
    for part in key[:-1]:
        place = place[part]
    place[key[-1]] = value
    yaml.dump(tree, path)
    with pytest.raises(ParamsError) as error:
        own.load(path)
    assert str(error.value) == f"{path}: {said}"


def test_every_parameter_is_commented() -> None:
    for line in (SYSTEM / "params.yaml").read_text().splitlines():
        if line.strip() and not line.strip().startswith("- ") and line.strip() != "training:":
            assert " # " in line, line


def of_part(part: Part) -> list[tuple[float, int, int]]:
    return list(zip(part.onsets_s.tolist(), part.pitches.tolist(), part.velocities.tolist(), strict=True))


def test_more_players_play_the_notes_that_are_composed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are not kept by the stage that makes the players, so a player and its notes must have the same number."""
    monkeypatch.chdir(tmp_path)
    studio = PROFILE.studio.model_copy(update={"sound_after_s": 0.1})
    settings = PROFILE.model_copy(update={"studio": studio})
    played: dict[str, list[tuple[float, int, int]]] = {}
    with ShardWriter(MORE_PLAYERS / "motion") as shards:
        for index, code in ((10_000, "vn"), (10_003, "db")):
            name = f"{index}_{code}"
            heard: list[Part] = []

            def synthesise(instrument: object, part: Part, *of: object, heard: list[Part] = heard) -> np.ndarray:
                heard.append(part)
                return np.zeros(1)

            monkeypatch.setattr(synthesis, "synthesise", synthesise)
            performance, _ = pieces.solo(index, BY_CODE[code], 0.0, studio)
            shards.add(name, {"motion": performance.joints.astype(np.float32)})
            played[name] = of_part(heard[0])
    found = notes.of_more_players(settings)
    assert {name: [(note.start, note.pitch, note.velocity) for note in each] for name, each in found.items()} == played


def corpus(settings: params.Params) -> dict[str, list[Note]]:
    """Six tracks of 8 s and two more players: a wrist goes up where a note starts."""
    rng, found = np.random.default_rng(0), {}
    fps, frames = settings.motion.fps, round(8 * settings.motion.fps)
    steps = round(8 * settings.audio.fps)
    with ShardWriter(MOTION) as motion, ShardWriter(MORE_PLAYERS / "motion") as more, ShardWriter(NOTES) as index:
        for name in (*"abcdef", "10000_vn", "10001_va"):
            onsets = np.sort(rng.uniform(0, 7.5, 10))
            found[name] = [Note(64, int(60 + 5 * (number % 3)), t, t + 0.2) for number, t in enumerate(onsets)]
            joints = rng.normal(0, 0.01, (frames, JOINTS, 2)).astype(np.float32)
            joints[:, RIGHT_SHOULDER, 0], joints[:, LEFT_SHOULDER, 0] = -0.5, 0.5
            joints[np.clip(np.round(onsets * fps).astype(int), 0, frames - 1), RIGHT_WRIST, 1] -= 1
            (more if "_" in name else motion).add(name, {"motion": joints})
            if "_" not in name:
                index.add(name, {"notes": np.zeros(steps, np.int16), "onsets": np.zeros(steps, bool)})
    parts = dict(zip("abcdef", ["train", "train", "train", "choose", "test", "test"], strict=True))
    table = pd.DataFrame({"track": list(parts), "instrument": ["cello", "flute"] * 3, "part": list(parts.values())})
    table.to_parquet(SPLITS, index=False)
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a toy corpus and its notes, and models of toy size."""
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = params.load()
    found = corpus(settings)
    paths.NOTES.parent.mkdir(parents=True)
    for path, names in ((paths.NOTES, "abcdef"), (paths.MORE_NOTES, ["10000_vn", "10001_va"])):
        tables = [note_table.rows(name, found[name], "annotated") for name in names]
        pd.concat(tables, ignore_index=True).to_parquet(path, index=False)
    chosen = own.load()
    training = next(iter(chosen.variants.values())).training.model_copy(
        update={"steps": 4, "validate_every": 2, "batch": 4}
    )
    small = {name: each.model_copy(update={**SMALL, "training": training}) for name, each in chosen.variants.items()}
    toy = chosen.model_copy(update={"variants": small, "midis": 2})
    for module in (own, generate, score):
        monkeypatch.setattr(module, "load", lambda: toy)
    with joblib.parallel_config(backend="threading"):
        monkeypatch.setattr("pipeline.compute.determinism.backend", lambda _: "sequential")
        yield


@pytest.mark.parametrize("name", ["foley_music", "foley_timed"])
def test_the_stages_make_what_they_promise(here: None, name: str) -> None:
    """Models, samples, MIDI files, and the same keys in every row; and again with other labels, the same bytes."""
    score.main()
    train.main(name)
    generate.main(name)
    evaluate.main(name)
    made = {row: json.loads((paths.FIGURES / f"{row}.json").read_text()) for row in (f"score_{name}", name)}
    assert {tuple(metrics) for metrics in made.values()} == {rows.KEYS}
    assert made[name]["heard"] is None
    assert made[f"score_{name}"]["nll_token"] is None
    of_keys = {figure for figure in rows.KEYS if "key" in figure}
    missing = {figure for figure, value in made[name].items() if value is None}
    assert missing == {"heard"} | (of_keys if name == "foley_music" else set())
    assert made["score_foley_timed" if name == "foley_timed" else f"score_{name}"]["onset_f1"] > 0.5
    midis = sorted(Path(f"samples/{name}/midi").glob("*.mid"))
    assert len(midis) == 2
    assert all(pretty_midi.PrettyMIDI(str(path)) for path in midis)
    drift = pd.read_csv(paths.FIGURES / "drift.csv")
    assert drift[drift.code == "foley_timed"].onset_f1.min() == 1.0
    by_instrument = pd.read_csv(paths.FIGURES / f"{name}.csv").set_index("instrument")
    assert {"onset_f1_shuffled", "note_f1", "note_f1_zeroed"} <= set(by_instrument)

    kept = {path: path.read_bytes() for folder in ("models", "samples") for path in Path(folder).rglob("*.*")}
    table = pd.read_parquet(SPLITS)
    table.assign(instrument="kazoo").to_parquet(SPLITS, index=False)
    train.main(name)
    generate.main(name)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_worse_view_is_judged_like_a_good_one(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every condition has its row, and the movement as it is has the figures of the same notes judged alone."""
    monkeypatch.setattr(
        "pipeline.evaluation.degraded.true_motion", lambda *_, **__: {}
    )  # nobody knows true joints here
    train.main("foley_timed")
    degrade.main("foley_timed")
    table = pd.read_csv(paths.FIGURES / "degraded.csv")
    asked = params.load().degrade
    assert list(table.columns) == ["seen", "amount", "onset_f1", "onset_f1_shuffled", "note_f1", "note_f1_shuffled"]
    assert table.seen.iloc[0] == "as it is"
    counts = table.seen.value_counts()
    assert counts["size"] == len(asked.size) and counts["noise"] == len(asked.noise) and counts["mirrored"] == 1
    assert table.onset_f1.notna().all()


def test_the_places_are_those_of_the_other_models(here: None) -> None:
    """Or their rows could not be compared. Codes are as long as the notes of a track."""
    settings = params.load()
    with ShardWriter("data/codes") as shards:
        for name in "abcdef":
            shards.add(name, {"codes": np.zeros(round(8 * settings.audio.fps), np.int16)})
    windows = examples.as_generated(["e", "f"], settings)
    assert windows.spread(settings.generate.samples) == batches.of_test_tracks(settings)[1]


def test_onsets_are_near_frames() -> None:
    (near,) = examples.onsets([[Note(64, 60, 0.1, 0.2)]], 8, 25.0)
    assert near == pytest.approx([0, 0.0, 2 / 3, 2 / 3, 0, 0, 0, 0], abs=1e-6)


def test_a_figure_stands_beside_its_controls(here: None) -> None:
    """Right notes in every window: 1; judged against another track's, less; nobody wrote them without movement: null."""
    settings = params.load()
    windows = examples.as_generated(["e", "f"], settings)
    places = windows.spread(8)
    asked = examples.notes_at(windows, places, note_table.read(paths.NOTES), settings.windows.duration_s)
    true = [rows.table(each) for each in asked]
    metrics = rows.judge("row", places, true, true, None, 0.05)
    assert metrics["onset_f1"] == metrics["note_f1"] == metrics["density_ratio"] == 1.0
    assert metrics["note_f1_shuffled"] is not None and metrics["note_f1_shuffled"] < 0.8
    assert "note_f1_zeroed" not in metrics
    assert (shared_rows.EVALUATIONS / "foley_music/row/windows.csv").exists()


def write_track(**files: Path) -> Track:
    return Track("piece_1", "piece", "violin", Path("data/raw/studio/v.mp4"), Path("data/raw/studio/v.mp4"), **files)


def test_notes_of_a_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotated notes with the score's velocities, if it has the same notes; the score's where there are no others; and a corpus
    without any is told what is missing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    Path("data/raw/studio").mkdir(parents=True)
    with ShardWriter(MORE_PLAYERS / "motion"):
        pass
    annotated, midi = Path("data/raw/studio/notes.txt"), Path("data/raw/studio/score.mid")
    annotated.write_text("0.5 440 0.25\n1.5 493.88 0.25\n")
    midi_file.write(midi, [Note(90, 69, 0, 1), Note(30, 71, 1, 2)], 40, "violin")
    both, _ = notes.of_track(write_track(notes=annotated, midi=midi), 1)
    assert [(note.start, note.pitch, note.velocity) for note in both] == [(0.5, 69, 90), (1.5, 71, 30)]
    alone, source = notes.of_track(write_track(notes=annotated), 1)
    assert ([note.velocity for note in alone], source) == ([64, 64], "annotated")
    scored, source = notes.of_track(write_track(midi=midi), 1)
    assert ([note.start for note in scored], source) == ([0, 1], "midi")

    write_tracks(TRACKS, [write_track()])
    with pytest.raises(NothingLeft, match="put the MIDI of each piece beside its video, or set `heard` to pyin"):
        notes.main()
    annotated.write_text("nonsense\n")
    write_tracks(TRACKS, [write_track(notes=annotated), write_track(midi=midi)])
    notes.main()
    assert "notes.txt" in paths.SET_ASIDE.read_text()
    assert pd.read_parquet(paths.NOTES).source.unique().tolist() == ["midi"]


def beeps(path: Path) -> Path:
    """Two seconds of sound with two notes, A4 at 0.5 s and E4 at 1.2 s."""
    times_s, sound = np.arange(32000) / 16000, np.zeros(32000)
    for onset_s, hz in ((0.5, 440.0), (1.2, 329.63)):
        inside = (times_s >= onset_s) & (times_s < onset_s + 0.4)
        sound[inside] = sum(0.2 / k * np.sin(2 * np.pi * k * hz * (times_s[inside] - onset_s)) for k in (1, 2, 3))
    return write_wav(path, sound)


def test_notes_are_heard_where_nobody_wrote_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only there, in the track's own stretch of the sound, and the summary counts them apart; what cannot be heard is listed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    root = Path("data/raw/studio")
    root.mkdir(parents=True)
    with ShardWriter(MORE_PLAYERS / "motion"):
        pass
    midi_file.write(root / "score.mid", [Note(90, 72, 0, 1)], 40, "violin")
    write_wav(root / "silent.wav", np.zeros(32000))
    (root / "broken.wav").write_text("no sound")
    written = write_track(midi=root / "score.mid")
    sounding = beeps(root / "v.wav")
    tracks = [
        replace(written, name="written", audio=sounding),
        replace(written, name="later", audio=sounding, midi=None, start_s=1.0),
        replace(written, name="silent", audio=root / "silent.wav", midi=None),
        replace(written, name="broken", audio=root / "broken.wav", midi=None),
    ]
    write_tracks(TRACKS, tracks)
    monkeypatch.setattr(notes, "load", lambda: own.load().model_copy(update={"heard": "pyin"}))
    monkeypatch.setattr(notes.parallel, "each", lambda function, calls, _: [function(*call) for call in calls])
    notes.main()
    assert "notes: 2 (heard: 1 tracks, midi: 1 tracks)" in capsys.readouterr().out
    found = pd.read_parquet(paths.NOTES).set_index("track")
    assert found.source.to_dict() == {"written": "midi", "later": "heard"}
    assert found.pitch.to_dict() == {"written": 72, "later": 64}
    assert found.onset_s["later"] == pytest.approx(0.2, abs=0.04)
    assert note_table.heard(paths.NOTES) == {"later"}
    aside = paths.SET_ASIDE.read_text()
    assert "silent.wav,no note is heard in its sound" in aside
    assert 'broken.wav,"broken, or no media file' in aside
    monkeypatch.setattr(heard_notes, "notes", None)  # what was heard is kept, for a run that goes on
    notes.main()


def test_notes_that_were_heard_are_no_truth(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two test tracks, the one whose notes were heard is not judged; if both were, no figure is made of them."""
    score.main()
    train.main("foley_timed")
    generate.main("foley_timed")
    table = pd.read_parquet(paths.NOTES)
    windows = shared_rows.EVALUATIONS / "foley_music/foley_timed/windows.csv"
    for heard, judged in (({"f"}, {"e"}), ({"e", "f"}, set())):
        windows.unlink(missing_ok=True)
        table.assign(source=["heard" if track in heard else "midi" for track in table.track]).to_parquet(paths.NOTES)
        capsys.readouterr()
        score.main()
        evaluate.main("foley_timed")
        said = f"note: {len(heard)} test tracks are not judged: their notes were heard"
        assert capsys.readouterr().out.count(said) == 2
        made = [json.loads((paths.FIGURES / f"{row}.json").read_text()) for row in ("score_foley_timed", "foley_timed")]
        if judged:
            assert set(pd.read_csv(windows).source) == judged
            assert all(metrics["onset_f1"] is not None for metrics in made)
        else:
            assert not windows.exists()
            assert {key for key, value in made[1].items() if value is not None} == {"knn"}
            assert not [value for value in made[0].values() if value is not None]
            assert "onset_f1" in pd.read_csv(paths.FIGURES / "foley_timed.csv")


def test_a_corpus_whose_notes_are_all_heard(here: None) -> None:
    """Nobody wrote any notes down, so data/notes has no track: a model is trained, writes notes, and is not judged."""
    with ShardWriter(NOTES):
        pass
    pd.read_parquet(paths.NOTES).assign(source="heard").to_parquet(paths.NOTES)
    score.main()
    train.main("foley_timed")
    generate.main("foley_timed")
    evaluate.main("foley_timed")
    degrade.main("foley_timed")
    metrics = json.loads((paths.FIGURES / "foley_timed.json").read_text())
    assert metrics["knn"] is not None and metrics["onset_f1"] is None
    assert not len(pd.read_csv(paths.FIGURES / "degraded.csv"))


def standing(pictures: Iterator[np.ndarray], _: params.Keypoints) -> Iterator[np.ndarray]:
    for number, _picture in enumerate(pictures):
        joints = np.ones((JOINTS, 3), np.float32)
        joints[RIGHT_SHOULDER, 0], joints[LEFT_SHOULDER, 0] = 10, 30
        joints[RIGHT_WRIST, 1] = 20 * np.sin(number)
        yield joints


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an untrained model, and a detector that sees a player in any picture."""
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, standing))
    torch.manual_seed(0)
    variant = own.load().variants["foley_timed"].model_copy(update=SMALL)
    code = Code(True, 8, 40)
    sizes = {"tokens": code.tokens, "code": asdict(code), "joints": JOINTS, "edges": BONES, "fps": 25.0}
    sizes |= variant.model_copy(update={"temperature": 1.0}).model_dump(exclude=train.NOT_THE_MODELS)
    model = EventTransformer(**sizes)
    weights.save(tmp_path / "writer", model, weights.Config("event_transformer", "fp32", sizes))
    with joblib.parallel_config(backend="threading"):
        yield tmp_path / "writer"


def run(*arguments: object) -> None:
    sys.argv = ["minet", "sonify", *map(str, arguments)]
    minet.main()


def test_notes_for_a_video(tmp_path: Path, writer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A video with sound, and a MIDI that any program opens, with the instrument that was asked for; another one plays the same
    notes."""
    video = write_video(tmp_path / "in.mp4", blank(7))
    found = []
    for name, program in (("cello", 42), ("flute", 73)):
        out, midi = tmp_path / f"{name}.mp4", tmp_path / f"{name}.mid"
        run(video, "-o", out, "--model", writer, "--midi-out", midi, "--instrument", name)
        (track,) = pretty_midi.PrettyMIDI(str(midi)).instruments
        assert (track.program, track.name) == (program, name)
        found.append([(note.start, note.end, note.pitch) for note in track.notes])
        assert out.exists() and out.with_suffix(".wav").exists()
        assert f"played by: {name}" in capsys.readouterr().out
    assert found[0] == found[1]
    assert found[0]


def test_without_states_a_piano_plays(tmp_path: Path, writer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(write_video(tmp_path / "in.mp4", blank(5)), "-o", tmp_path / "out.mp4", "--model", writer)
    said = capsys.readouterr().out
    assert "name another with --instrument" in said
    assert "played by: piano" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--instrument", "kazoo"], "--instrument kazoo: must be one of violin, viola"),
        (["--midi", "score.mid"], "--midi: this model writes notes and does not read them; leave --midi out"),
        (["--midi-out", "nowhere/out.mid"], "there is no folder nowhere; make it first"),
        (["--key", "H minor"], "--key 'H minor': must be a note and its mode, as \"C minor\""),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, writer: Path, arguments: list[str], said: str) -> None:
    video = write_video(tmp_path / "in.mp4", blank(2))
    with pytest.raises(SystemExit) as error:
        run(video, "-o", tmp_path / "out.mp4", "--model", writer, *arguments)
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0


def test_hands_alone_are_played(
    tmp_path: Path, writer: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video of hands without a body has notes, and it is said so; without hands it is refused as before."""
    video, out = write_video(tmp_path / "in.mp4", blank(5)), tmp_path / "out.mp4"
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, no_one))
    monkeypatch.setattr(mediapipe_hands, "detect", two_hands)
    run(video, "-o", out, "--model", writer)
    said = capsys.readouterr().out
    assert "no shoulders are seen, so the hands alone say what is played" in said
    assert "played by: piano" in said
    monkeypatch.setattr(mediapipe_hands, "detect", no_one)
    with pytest.raises(SystemExit, match="nobody in view; show the player's head, arms and hands"):
        run(video, "-o", out, "--model", writer)


def test_a_key_can_be_asked_for(tmp_path: Path, writer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other notes for another key, in all windows of a long video; and the command counts those that are in it."""
    video, found = write_video(tmp_path / "in.mp4", blank(7)), []
    for asked in ("C minor", "F# major"):
        midi = tmp_path / "out.mid"
        run(video, "-o", tmp_path / "out.mp4", "--model", writer, "--midi-out", midi, "--key", asked)
        (track,) = pretty_midi.PrettyMIDI(str(midi)).instruments
        found.append([note.pitch for note in track.notes])
        within = int(key.parse(asked).holds(found[-1]).sum())
        assert f"{len(found[-1])} notes, {within} of them in the key, played by" in capsys.readouterr().out
    assert found[0] != found[1]


def test_who_knows_no_key_is_named(tmp_path: Path, writer: Path) -> None:
    video = write_video(tmp_path / "in.mp4", blank(2))
    config = json.loads((writer / "config.json").read_text())
    config["sizes"] |= {"key": False}
    model = EventTransformer(**config["sizes"])
    weights.save(tmp_path / "keyless", model, weights.Config("event_transformer", "fp32", config["sizes"]))
    for name, said in (
        (tmp_path / "keyless", "keyless was trained without keys; leave --key out, or choose --model foley_timed"),
        ("mi_net_sync", "--key: mi_net_sync does not take a key; choose one that does with --model foley_timed"),
    ):
        with pytest.raises(SystemExit, match=said):
            run(video, "-o", tmp_path / "out.mp4", "--model", name, "--key", "C")


def test_notes_in_a_key_are_counted() -> None:
    """Asked for C major and C minor: all notes in it, none in it; unasked one of two, and none was written."""
    asked = [np.array([[0.5, 1, 60]]), np.array([[0.5, 1, 60]])]
    keyed = [np.array([[0.5, 1, 64], [2, 3, 65]]), np.array([[0.7, 1, 64]])]
    unasked = [np.array([[0.5, 1, 61], [2, 3, 62]]), np.zeros((0, 3))]
    found = evaluate.in_keys([key.Key(0, "major"), key.Key(0, "minor")], asked, unasked, keyed, 0.05)
    assert found == {"in_key": pytest.approx(2 / 3), "in_key_unasked": 0.5, "onset_f1_keyed": pytest.approx(1 / 3)}


def test_no_instrument_plays_a_models_sound(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4", blank(2))
    with pytest.raises(
        SystemExit, match="mi_net_sync makes sound, which no instrument plays; add --midi-out, or choose"
    ):
        run(video, "-o", tmp_path / "out.mp4", "--model", "mi_net_sync", "--instrument", "cello")


def test_dvc_lock_belongs_to_the_code() -> None:
    """The committed hashes and metrics are those of a run of this very code. What the stages read is for the root's lock to say."""
    lock = YAML(typ="safe").load(SYSTEM / "dvc.lock")["stages"]
    spec = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    stages = [
        f"{name}@{item}" if "do" in each else name for name, each in spec.items() for item in each.get("foreach", [0])
    ]
    assert set(lock) == set(stages)
    for name, locked in lock.items():
        each = spec[name.partition("@")[0]]
        code = {path for path in each.get("do", each)["deps"] if path.endswith(".py")}
        found = {entry["path"]: entry["md5"] for entry in locked["deps"] if entry["path"].endswith(".py")}
        assert found == {path: hashlib.md5((ROOT / path).read_bytes()).hexdigest() for path in code}, name
        for file in ("params.yaml", "systems/foley_music/params.yaml", "versions.yaml"):
            for setting, value in locked["params"].get(file, {}).items():
                here = YAML(typ="safe").load(ROOT / file)
                for part in [setting] if setting in here else setting.split("."):
                    here = here[part]
                assert here == value, f"{name}: {file}: {setting}"
