"""systems/separation: its stages on a toy corpus, its mixtures, its parameters, and `minet separate`."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from make_media import PROFILE, REAL, blank, tone, write_video, write_wav
from ruamel.yaml import YAML

from pipeline import params
from pipeline.audio import spectrogram
from pipeline.audio.log_frequency import Scale
from pipeline.commands import minet, separate
from pipeline.compute import parallel
from pipeline.compute.closure import ROOT, closure
from pipeline.corpus import strips
from pipeline.corpus.track import Track, read_tracks, write_tracks
from pipeline.dataset.artifacts import MODELS, MORE_PLAYERS, MOTION, SPLITS, TRACKS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import FileError, NothingLeft, ParamsError
from pipeline.keypoints import detection, people_finder
from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, NECK, RIGHT_SHOULDER, RIGHT_WRIST
from pipeline.media import picture_files, probing, sound_files
from pipeline.models.separator import Separator
from pipeline.studio import pieces
from pipeline.studio.instruments import BY_CODE
from pipeline.training import weights
from systems.separation import evaluate, frames, mixing, paths, reference, report, rows, sound, train, trials
from systems.separation import params as own

SYSTEM = ROOT / "systems" / "separation"
SMALL = {
    "multiples": [0.5, 1.0, 2.0],
    "channels": 4,
    "depth": 3,
    "maps": 4,
    "bands": 2,
    "width": 8,
    "layers": 1,
    "picture_channels": 2,
}
RATE_HZ = PROFILE.audio.sample_rate_hz
VARIANTS = ("nothing", "movement", "pixels", "both")


def test_the_stages_of_dvc_yaml_are_the_modules() -> None:
    """Each runs a module of its own that it depends on, with the parameters of the variant that it is given."""
    stages = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    assert set(own.load().variants) == set(stages["train"]["foreach"]) == set(stages["evaluate"]["foreach"])
    for name, spec in stages.items():
        each = spec.get("do", spec)
        assert each["cmd"] == f"python -m systems.separation.{name}" + (" ${item}" if "do" in spec else "")
        assert each["wdir"] == "../.."
        assert f"systems/separation/{name}.py" in each["deps"]
        assert ("variants.${item}" in str(each["params"])) == ("variant(" in (SYSTEM / f"{name}.py").read_text())


def test_no_other_pipeline_knows_of_it() -> None:
    """Or a change here would make a committed run stale."""
    for file in (*(ROOT / "stages").glob("*.py"), *(ROOT / "pipeline").rglob("*.py")):
        assert not {path for path in closure(file) if path.is_relative_to(ROOT / "systems")}, file
    for file in ("dvc.yaml", "systems/foley_music/dvc.yaml"):
        text = (ROOT / file).read_text()
        assert not re.search(r"separat|log_frequency|corpus/strips", text), file


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (("variants", "both", "dropout"), 1.5, "variants.both.dropout = 1.5: must be from 0 to below 1"),
        (("mixing", "most_players"), 1, "mixing.most_players = 1: must be from 2 to 6"),
        (("mixing", "loudest"), 0.1, "mixing.loudest = 0.1: must be mixing.quietest or more"),
        (("pictures", "size_px"), 60, "pictures.size_px = 60: must be a multiple of 8"),
        (("report", "variant"), "eyes", "report.variant = eyes: must be one of nothing, movement, pixels, both"),
        (("scale", "octaves"), 8, "scale.octaves = 8: extra inputs are not permitted"),
        (
            ("variants", "pixels", "more_share"),
            0.5,
            "variants.pixels.more_share = 0.5: must be 0 for a variant that sees pixels alone, since more players have no pictures",
        ),
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
        if line.strip() and line.strip() not in ("training:", "evaluation:", "report:"):
            assert " # " in line, line


def picture(shade: int) -> np.ndarray:
    return np.full((64, 64, 3), (shade, 100, 255 - shade), np.uint8)


def corpus(folder: Path) -> None:
    """Five soloists of 8 s, a duo, and two further players of the studio. A wrist goes up where a tone starts."""
    rng, fps, seconds = np.random.default_rng(0), PROFILE.motion.fps, 8.0
    solos = {"a": "train", "b": "train", "c": "choose", "d": "choose", "e": "test", "f": "test"}
    duo = {"g_1": "train", "g_2": "test"}
    tracks = []
    with ShardWriter(MOTION) as motion, ShardWriter(MORE_PLAYERS / "motion") as more:
        for number, name in enumerate((*solos, *duo, "10000_vn", "10001_va")):
            onsets = np.sort(rng.uniform(0, seconds - 0.5, 12))
            joints = rng.normal(number / 10, 0.01, (round(seconds * fps), JOINTS, 2)).astype(np.float32)
            joints[np.round(onsets * fps).astype(int), RIGHT_WRIST, 1] -= 1
            (more if name.startswith("1") else motion).add(name, {"motion": joints})
            if name.startswith("1"):
                continue
            # All play of the same few notes, so that no fixed filter takes them apart.
            t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
            note = np.searchsorted(onsets, t)
            since = t - np.concatenate([[0], onsets])[note]
            hz = 200 * 1.25 ** rng.integers(0, 6, 13)[note]
            played = 0.3 * np.sin(2 * np.pi * hz * t) * np.exp(-4 * since)
            audio = write_wav(folder / f"{name}.wav", played.astype(np.float32), RATE_HZ)
            video = folder / f"{name[0]}.mp4"
            left, right = {"1": (0.0, 0.5), "2": (0.5, 1.0)}.get(name[-1], (0.0, 1.0))
            tracks.append(Track(name, name[0], "violin", video, audio, left, right))
    for number, piece in enumerate("abcdefg"):
        shown = [(i / 5, np.hstack([picture(30 * number)] * (2 if piece == "g" else 1))) for i in range(40)]
        write_video(folder / f"{piece}.mp4", shown)
    parts = solos | duo
    table = pd.DataFrame({"track": list(parts), "instrument": ["cello", "flute"] * 4, "part": list(parts.values())})
    table.to_parquet(SPLITS, index=False)
    write_tracks(TRACKS, tracks)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a toy corpus, and models of toy size."""
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    (tmp_path / "data" / "raw" / "studio").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parallel, "each", lambda function, calls, _: (function(*call) for call in calls))
    monkeypatch.setattr(train, "VALIDATION", 1)
    corpus(Path("data/raw/studio"))
    chosen = own.load()
    training = next(iter(chosen.variants.values())).training.model_copy(
        update={"steps": 2, "validate_every": 2, "batch": 2}
    )
    small = {name: each.model_copy(update={**SMALL, "training": training}) for name, each in chosen.variants.items()}
    sizes = {
        "variants": small,
        "scale": chosen.scale.model_copy(update={"bins": 32}),
        "evaluation": chosen.evaluation.model_copy(update={"pairs": 2}),
    }
    monkeypatch.setattr(own, "load", lambda: chosen.model_copy(update=sizes))


@pytest.mark.slow
def test_the_stages_make_what_they_promise(here: None) -> None:
    """Models and the same keys in every row; the ideal masks are above the fixed filters, and these above the mixture. Again with
    other labels, the same bytes."""
    sound.main()
    frames.main()
    reference.main()
    for name in VARIANTS:
        train.main(name)
        evaluate.main(name)
    made = {path.stem: json.loads(path.read_text()) for path in paths.FIGURES.glob("*.json")}
    assert set(made) == {"mixture", "fixed_filter", "ideal", *VARIANTS}
    assert {tuple(metrics) for metrics in made.values()} == {rows.KEYS}
    for kind in rows.SETS:
        assert made["mixture"][f"sdr_gain_{kind}"] == 0
        assert made["ideal"][f"sdr_{kind}"] > made["fixed_filter"][f"sdr_{kind}"] + 3
        assert made["fixed_filter"][f"sdr_{kind}"] >= made["mixture"][f"sdr_{kind}"] - 1
        assert made["nothing"][f"sdr_{kind}"] is not None
        for name in ("movement", "pixels", "both"):
            assert made[name][f"sir_swapped_{kind}"] is not None and made[name][f"sir_zeroed_{kind}"] is not None
            assert (made[name][f"pointing_{kind}"] is None) == (name == "movement")
    assert made["both"]["pointing_chance_ensembles"] == 0.5
    mixtures = pd.read_csv("evaluations/separation/both/mixtures.csv")
    assert mixtures.set.value_counts().to_dict() == {"different": 2, "alike": 2, "ensembles": 1}
    assert mixtures[mixtures.set == "ensembles"].tracks.tolist() == ["g_1+g_2"]
    assert set(" ".join(mixtures[mixtures.set != "ensembles"].tracks).replace("+", " ").split()) == {"e", "f"}

    report.main()
    written = {path.name: path.read_bytes() for path in paths.REPORT.iterdir()}
    assert set(written) == {"report.md", "index.html", "masks.png", "map.png"}
    report.main()
    again = {path.name: path.read_bytes() for path in paths.REPORT.iterdir() if path.name != "index.html"}
    assert again.items() <= written.items()
    assert "| both |" in written["report.md"].decode()

    kept = {path: path.read_bytes() for path in MODELS.rglob("*.*")}
    table = pd.read_parquet(SPLITS)
    table.assign(instrument="kazoo").to_parquet(SPLITS, index=False)
    for name in VARIANTS:
        train.main(name)
    assert {path: path.read_bytes() for path in kept} == kept


def test_sound_is_cut_as_spectrograms_are(here: None) -> None:
    """Row i begins where frame i of the spectrogram is centred; further players sound as the stage that made them heard them."""
    sound.main()
    shards = Shards(paths.SOUND)
    assert shards.lengths(["a", "g_2"]).tolist() == [500, 500]
    whole = sound_files.read_audio(Path("data/raw/studio/b.wav"), RATE_HZ)
    row = shards.rows("sound", "b", 7, 1)[0].astype(np.float32) / sound.FULL_SCALE
    assert row == pytest.approx(whole[7 * 256 : 8 * 256], abs=2e-5)
    settings = params.load()
    again = Shards(paths.MORE_SOUND).rows("sound", "10000_vn").reshape(-1).astype(np.float32) / sound.FULL_SCALE
    # Its player was turned, as stages/more_players.py does.
    _, played = pieces.solo(10000, BY_CODE["vn"], 25.0, settings.studio)
    heard = sound_files.resample(played, settings.studio.sample_rate_hz, RATE_HZ)
    one, other = (spectrogram.log_spectrogram(each, settings.audio)[:-2] for each in (again, heard[: len(again)]))
    assert np.abs(one.astype(np.float32) - other).mean() < 0.01


def test_frames_are_those_of_the_players_strip(here: None) -> None:
    frames.main()
    shards = Shards(paths.FRAMES)
    assert shards.length("a") == 40
    of_c = shards.rows("pictures", "c", 3, 1)[0, 32, 32].astype(int)
    assert of_c == pytest.approx([255 - 60, 100, 60], abs=6)  # RGB
    assert np.abs(shards.rows("pictures", "g_1").astype(int) - shards.rows("pictures", "g_2")).mean() < 3


def test_pictures_keep_the_time_and_the_shape(tmp_path: Path) -> None:
    """A strip that is not square is padded; a gap in the video holds the last picture, and row i is what is shown at i / fps."""
    times = [0, 0.2, 0.4, 1.2, 1.4]
    shown = [(time_s, np.full((32, 96, 3), 20 + 40 * number, np.uint8)) for number, time_s in enumerate(times)]
    shown = [(time_s, np.hstack([each[:, :64], 255 - each[:, 64:]])) for time_s, each in shown]
    video = write_video(tmp_path / "in.mp4", shown)
    left, right = strips.pictures(video, [(0.0, 2 / 3), (2 / 3, 1.0)], 0.0, None, 5.0, 16)
    assert left.shape == right.shape == (8, 16, 16, 3)
    assert left[:, 8, 8, 0] == pytest.approx([20, 60, 100, 100, 100, 100, 140, 180], abs=8)
    assert not left[:, :3].any() and not left[:, -3:].any()  # twice as wide as high
    assert right[0, 1, 1, 0] == pytest.approx(255 - 20, abs=12)
    with pytest.raises(FileError):
        strips.pictures(video, [(0.0, 1.0)], 99.0, None, 5.0, 16)


def test_mixtures_are_of_players_who_played_alone(here: None) -> None:
    """No model may hear an ensemble before it is tried on it; different tracks; the nearest pose first."""
    sound.main()
    frames.main()
    tracks = [Track(name, name[0], "", Path(), Path()) for name in ("a", "b", "g_1", "g_2")]
    assert mixing.alone(tracks) == {"a", "b"}
    assert mixing.alone([replace(track, audio=Path(track.name)) for track in tracks[2:]]) == {
        "g_1",
        "g_2",
    }  # as in URMP
    with pytest.raises(NothingLeft, match="add videos of soloists"):
        mixing.alone(tracks[2:])
    settings = params.load()
    players = mixing.Players(["a", "b", "c", "d"], True, settings, 5.0, 64)
    assert players.near["a"] == ["b", "c", "d"]
    generator = np.random.default_rng(0)
    for alike, others in ((1, {"b"}), (None, {"b", "c", "d"})):
        found = [{name for name, _ in players.draw(2, alike, generator)} for _ in range(60)]
        assert all(len(names) == 2 for names in found)
        assert set().union(*(names - {"a"} for names in found if "a" in names)) >= others
    drawn = mixing.batch([(players, 1.0)], 40, 0.5, True, own.load().mixing, generator)
    shown = np.array([shown for _, shown, _ in drawn])
    away = np.array([away for _, _, away in drawn])
    assert not (shown & away).any()
    assert set(shown.sum(1) + away.sum(1)) == {2, 3}
    assert 0.2 < away.any(1).mean() < 0.8
    for mixture, each, hidden in drawn:
        assert (np.abs(mixture.sounds).max(1) > 0).tolist() == (each | hidden).tolist()


def test_repainted_pictures_show_the_same_playing() -> None:
    """Other colours, another place, perhaps mirrored; the same in all pictures of a window, or it would look like movement."""
    rng, chosen = np.random.default_rng(0), own.load().mixing
    pictures = np.repeat(rng.integers(1, 255, (1, 64, 64, 3), np.uint8), 3, axis=0)
    found = [mixing.repainted(pictures, chosen, rng) for _ in range(20)]
    assert all((each == each[:1]).all() for each in found)
    assert len({each.tobytes() for each in found}) == 20
    assert all(each[:, 8:-8, 8:-8].min() > 0 for each in found)  # black is no picture
    still = chosen.model_copy(update={"recoloured": 0.0, "mirrored": 1.0, "moved_px": 0})
    assert (mixing.repainted(pictures, still, rng) == pictures[:, :, ::-1]).all()


def test_a_corpus_with_few_players(here: None) -> None:
    """With nobody to be tried on, the rows are empty; with one player to learn from, the advice is plain."""
    sound.main()
    frames.main()
    table = pd.read_parquet(SPLITS)
    few = table[table.track.isin(["a", "b", "c", "e"])]
    few.to_parquet(SPLITS, index=False)
    train.main("movement")  # watched on a single player, who cannot be mixed with anybody
    assert pd.read_csv("metrics/history_separator_movement.csv").columns.tolist() == ["step", "loss"]
    tracks = [track for track in read_tracks() if track.piece != "g"]
    write_tracks(TRACKS, tracks)
    evaluate.main("movement")
    assert set(json.loads((paths.FIGURES / "movement.json").read_text()).values()) == {None}
    few[few.track != "a"].to_parquet(SPLITS, index=False)
    with pytest.raises(NothingLeft, match="one player to learn from"):
        train.main("pixels")


def test_powers_are_those_of_the_players_and_of_the_sum() -> None:
    """A hidden player's power is the rest's. Powers of a mixture are not the sum of its players' powers: phases count."""
    scale = Scale(64, 30.0, 2, PROFILE.audio)
    sounds = np.stack([tone(1.0), -tone(1.0), tone(1.0, hz=2000)])
    power, sources = mixing.powers(sounds, np.array([False, False, True]), scale, PROFILE.audio)
    assert power.shape == (64, 32) and sources.shape == (4, 64, 32)
    assert not sources[2].any() and sources[3].any()
    assert power[:, 10] == pytest.approx(sources[3][:, 10], abs=1e-6)  # the other two cancel
    assert sources[0] == pytest.approx(sources[1])


def test_controls_show_what_they_say() -> None:
    model = Separator(**sizes("both"))
    mixture = mixing.Mixture(
        np.ones((3, 9), np.float32),
        np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1) + np.ones((3, 2, JOINTS, 2), np.float32),
        np.full((3, 1, 64, 64, 3), 7, np.uint8),
    )
    assert [one.motion[0, 0, 0] for one in trials.seen(model, mixture)] == [1, 2, 3]
    assert [one.motion[0, 0, 0] for one in trials.seen(model, mixture, "_swapped")] == [2, 3, 1]
    for one in trials.seen(model, mixture, "_zeroed"):
        assert one.pictures is not None and not one.motion.any() and not one.pictures.any()


def sizes(sees: str) -> dict[str, object]:
    fixed = {
        "bins": 32,
        "lowest_hz": 30.0,
        "highest_hz": 8000.0,
        "every": 4,
        "steps": 16,
        "picture_fps": 5.0,
        "picture_px": 64,
        "joints": JOINTS,
    }
    return {**fixed, "sees": sees, **SMALL, "dropout": 0.1, "loudness_weight": 0.3, "sharpness": 2.0}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an untrained model, a detector that sees a player anywhere, and a finder that sees two people."""
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, standing))
    monkeypatch.setattr(people_finder, "finder", lambda: people(0.25, 0.75))
    torch.manual_seed(0)
    folder = tmp_path / "separator"
    weights.save(folder, Separator(**sizes("both")), weights.Config("separator", "fp32", sizes("both")))
    with joblib.parallel_config(backend="threading"):
        yield folder


@contextmanager
def people(*x: float) -> Iterator[object]:
    yield lambda picture: np.array([(each, 0.9) for each in x], np.float32).reshape(-1, 2)


def standing(pictures: Iterator[np.ndarray], _: params.Keypoints) -> Iterator[np.ndarray]:
    for number, _picture in enumerate(pictures):
        joints = np.ones((JOINTS, 3), np.float32)
        joints[NECK, 0], joints[RIGHT_SHOULDER, 0], joints[LEFT_SHOULDER, 0] = 20, 10, 30
        joints[RIGHT_WRIST, 1] = 20 * np.sin(number)
        yield joints


def run(*arguments: object) -> None:
    sys.argv = ["minet", "separate", *map(str, arguments)]
    minet.main()


def duo(path: Path, duration_s: float = 3.0, sound: np.ndarray | None = None) -> Path:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.normal(size=round(duration_s * RATE_HZ))).astype(np.float32)
    return write_video(path, blank(duration_s, size_px=128), noise if sound is None else sound)


def test_a_duo_is_taken_apart(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound and a video a player, the rest and a map. The sounds add up to the video's."""
    video, out = duo(tmp_path / "duo.mp4"), tmp_path / "parts"
    run(video, "-o", out, "--model", model)
    assert {path.name for path in out.iterdir()} == {"1.wav", "2.wav", "rest.wav", "1.mp4", "2.mp4", "map.mp4"}
    whole = sound_files.read_audio(video, RATE_HZ)
    total = sum(soundfile.read(out / f"{name}.wav")[0] for name in ("1", "2", "rest"))
    assert np.abs(total - whole).max() < 1e-6
    assert np.abs(soundfile.read(out / "1.wav")[0]).max() > 1e-3
    for name in ("1", "2", "map"):
        assert abs(probing.probe(out / f"{name}.mp4").duration_s - 3.0) < 0.15
    assert "2 players in view" in capsys.readouterr().out


def test_a_player_alone_and_the_others_without_them(tmp_path: Path, model: Path) -> None:
    """The two add up to the whole, so whoever practises hears all the others."""
    video = duo(tmp_path / "duo.mp4")
    run(video, "-o", tmp_path / "one.mp4", "--model", model, "--player", 2)
    run(video, "-o", tmp_path / "minus_one.mp4", "--model", model, "--mute", 2)
    whole = sound_files.read_audio(video, RATE_HZ)
    one, others = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("one", "minus_one"))
    assert np.abs(one + others - whole).max() < 1e-6
    assert (tmp_path / "one.mp4").exists() and (tmp_path / "minus_one.mp4").exists()


def test_solos_out_of_a_duo(tmp_path: Path, model: Path) -> None:
    """Each player has a video with their own sound, in which the other's side is black: soloists for a corpus."""
    video, out = duo(tmp_path / "duo.mp4"), tmp_path / "solos"
    run(video, "-o", out, "--model", model, "--solos")
    assert sorted(path.name for path in out.iterdir()) == ["duo_1.mp4", "duo_2.mp4"]
    whole = np.square(sound_files.read_audio(video, RATE_HZ)).mean()
    for number, dark in ((1, np.s_[:, -20:]), (2, np.s_[:, :20])):
        assert 0 < np.square(sound_files.read_audio(out / f"duo_{number}.mp4", RATE_HZ)).mean() < 0.8 * whole
        _, picture = next(picture_files.frames(out / f"duo_{number}.mp4"))
        assert picture[dark].max() < 8 < picture.max()


@pytest.mark.parametrize(
    ("arguments", "seen", "said"),
    [
        (["--player", "3", "-o", "x.mp4"], (0.2, 0.8), "2 people seen in it, so there is no player 3 from the left"),
        (["--mute", "0", "-o", "x.mp4"], (0.2, 0.8), "--mute 0: players are counted from 1 at the left"),
        (
            ["-o", "parts"],
            (0.5,),
            "one person seen in it; to take its sound apart, show two players or more side by side",
        ),
        (["-o", "parts"], (), "nobody seen in it; to take its sound apart"),
        (["-o", "nowhere/parts"], (0.2, 0.8), "there is no folder nowhere; make it first"),
        (["-o", "params.yaml"], (0.2, 0.8), "this is a file; name a folder, or choose a part with --player or --mute"),
        (["-o", "folder", "--player", "1"], (0.2, 0.8), "this is a folder; with --player, name the video to write"),
        (
            ["-o", "parts", "--model", "nobody"],
            (0.2, 0.8),
            "no trained model there; fetch it with: dvc pull models/nobody; or make it",
        ),
        (["-o", "x.txt", "--mute", "1"], (0.2, 0.8), "choose a name that ends in .mp4 or .mkv"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    seen: tuple[float, ...],
    said: str,
) -> None:
    video = duo(tmp_path / "duo.mp4", 1.0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    (tmp_path / "models").mkdir()
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(people_finder, "finder", lambda: people(*seen))
    with pytest.raises(SystemExit) as error:
        run(video, *([] if "--model" in arguments else ["--model", model]), *arguments)
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0


def test_a_video_without_sound_or_a_silent_one(tmp_path: Path, model: Path) -> None:
    silent = duo(tmp_path / "silent.mp4", 1.0, np.zeros(RATE_HZ, np.float32))
    mute = write_video(tmp_path / "mute.mp4", blank(1.0, size_px=128))
    for video, said in ((silent, "its sound is silent"), (mute, "no sound in it; there is nothing to take apart")):
        with pytest.raises(SystemExit, match=said):
            run(video, "-o", tmp_path / "parts", "--model", model)
    assert not (tmp_path / "parts").exists()


def test_the_map_lies_over_the_player_who_is_heard() -> None:
    """The loudest cell colours its place in its player's strip, and nothing else."""
    players = [separate.Player((0.0, 0.5), None, None), separate.Player((0.5, 1.0), None, None)]  # type: ignore[arg-type]
    levels = np.zeros((2, 2, 64))
    levels[1, 1, 8 * 4 + 6] = 1.0
    for time_s, changed in ((0.0, False), (1.0, True)):
        picture = np.full((80, 160, 3), 100, np.uint8)
        separate.draw_levels(players, levels, 1.0, time_s, picture)
        where = np.argwhere((picture != 100).any(2))
        assert bool(len(where)) == changed
    assert (where[:, 1] > 80 + 5 * 10).all() and (where[:, 1] <= 80 + 8 * 10).all()
    assert (np.abs(where[:, 0] - 45) <= 15).all()


def test_real_duos_are_taken_apart_without_loss(tmp_path: Path, model: Path) -> None:
    """Whatever a model has learnt, the parts of a real recording add up to it."""
    clips = [REAL / "clips" / f"{name}.mp4" for name in ("violin_guitar_duo", "guitar_keyboard_duo")]
    if not clips[0].exists():
        pytest.skip("needs recordings that are not part of the project")
    for clip in clips:
        run(clip, "-o", tmp_path / clip.stem, "--model", model)
        names = ("1", "2", "rest")
        total = sum(soundfile.read(tmp_path / clip.stem / f"{name}.wav")[0] for name in names)
        assert np.abs(total - sound_files.read_audio(clip, RATE_HZ)).max() < 1e-6
