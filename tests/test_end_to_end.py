"""The whole pipeline under DVC at smoke size, as a newcomer runs it: made corpus, killed and resumed, and real clips."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from ruamel.yaml import YAML
from smoke import ENVIRONMENT, OTHER_DROPOUT, OTHER_HEADS, OWN_VIDEOS, ROOT, house, ran, sh

CLIPS = ROOT.parent / "shared" / "real" / "clips"
PRIORS = ("mi_net", "mi_net_sync", "mi_net_content", "mi_net_sync_content", "gru_content")
BASELINES = ("rnn_seq2seq", "graph_transformer")
MODELS = PRIORS + BASELINES
ROWS = (*MODELS, "vqvae", "vqvae_plain", "test_set", "training_set")


def kill_in(folder: Path, stage: str, sign: str) -> None:
    """Start `dvc repro` and SIGKILL it, with its children, as soon as a file that matches `sign` shows work under way."""
    process = subprocess.Popen(
        ["dvc", "repro", stage],
        cwd=folder,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not list(folder.glob(sign)):
        assert process.poll() is None, f"{stage} ended before it could be killed"
        assert time.monotonic() < deadline, f"{stage} never wrote {sign}"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("model", MODELS)
def test_there_is_music(finished: Path, model: str) -> None:
    wavs = sorted((finished / f"samples/{model}/wav").glob("*.wav"))
    assert len(wavs) == 2
    for wav in wavs:
        sound, rate_hz = soundfile.read(wav)
        assert rate_hz == 16000
        assert len(sound) / rate_hz == pytest.approx(4, abs=0.05)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 1e-3


def test_tables_have_the_same_keys_in_every_row(finished: Path) -> None:
    rows = {row: json.loads((finished / f"metrics/{row}.json").read_text()) for row in ROWS}
    assert len({tuple(values) for values in rows.values()}) == 1
    for row, values in rows.items():
        assert 0 <= values["ndb"] <= 8, row
        assert 0 <= values["instrument_accuracy"] <= 1, row
    for model in MODELS:
        assert 0 <= rows[model]["knn"] <= 1, model
        assert 0 <= rows[model]["pitch"] <= 1, model
        measure = "mse" if model in BASELINES else "nll"
        assert rows[model][measure] > 0, model
        assert rows[model][f"{measure}_shuffled"] > 0, model
    shown = sh(finished, "dvc metrics show --md")
    assert all(f"metrics/{row}.json" in shown for row in ROWS)


def test_every_model_is_sampled_at_the_same_places(finished: Path) -> None:
    """Side by side: the same test windows for every model, and as often as params.yaml says for what is drawn."""
    places = {}
    for model in MODELS:
        index = pd.read_parquet(finished / f"samples/{model}/index.parquet")
        assert set(index.repeat) == ({0} if model in BASELINES else {0, 1})
        for _, part in index.groupby("repeat"):
            places[tuple(zip(part.source, part.source_start, strict=True))] = model
    assert len(places) == 1
    assert len(next(iter(places))) == 26


def test_artifacts_keep_their_contracts(finished: Path) -> None:
    """The table of contracts: shapes, dtypes and rates that later stages, and other people's code, rely on."""
    spectrogram = np.load(finished / "data/spectrograms/spectrogram_000.npy", mmap_mode="r")
    assert (spectrogram.dtype, spectrogram.shape[1:]) == (np.float16, (1024,))
    motion = np.load(finished / "data/motion/motion_000.npy")
    assert (motion.dtype, motion.shape[1:]) == (np.float32, (47, 2))
    assert np.isfinite(motion).all()
    keypoints = np.load(finished / "data/keypoints/keypoints_000.npy")
    assert (keypoints.dtype, keypoints.shape[1:]) == (np.float32, (47, 3))
    sound = np.load(finished / "data/more_players/spectrograms/spectrogram_000.npy", mmap_mode="r")
    assert (sound.dtype, sound.shape[1:]) == (np.float16, (1024,))
    codes = np.load(finished / "data/codes/codes_000.npy")  # of the tracks, and then of more players
    assert (codes.dtype, len(codes)) == (np.int16, len(spectrogram) + len(sound))
    strength = np.load(finished / "data/codes/onset_strength_000.npy")
    assert (strength.dtype, len(strength)) == (np.float16, len(codes))
    assert np.isfinite(strength).all()
    degraded = pd.read_csv(finished / "evaluations/degraded.csv")
    others = ["size", "turned", "tilted", "mirrored"]
    in_part = ["left hand unseen", "right hand unseen", "nothing below the elbows"]
    worse = ["noise", "dropped", "fps", "late"]
    assert list(degraded.seen.unique()) == ["as it is", "true joints", *others, *in_part, *worse]
    assert list(degraded.model.unique()) == ["mi_net_sync", "mi_net"]
    assert len(degraded) == 2 * len(degraded[["seen", "amount"]].drop_duplicates())
    assert degraded.onset_f1.between(0, 1).all()
    assert degraded.instrument_accuracy.between(0, 1).all()
    motion, sound = (
        pd.read_parquet(finished / f"data/more_players/{kind}/index.parquet") for kind in ("motion", "spectrograms")
    )
    assert list(motion.track) == list(sound.track)
    assert motion.track.str.split("_").str[1].value_counts().unique().tolist() == [2]
    motion = np.load(finished / "data/more_players/motion/motion_000.npy")
    assert (motion.dtype, motion.shape[1:]) == (np.float32, (47, 2))
    assert np.isfinite(motion).all()
    index = pd.read_parquet(finished / "samples/mi_net/index.parquet")
    splits = pd.read_parquet(finished / "data/splits.parquet").set_index("track")
    assert set(splits.loc[index.source].part) == {"test"}
    assert set(index.source) == set(splits.index[splits.part == "test"])


def test_players_and_music_of_train_and_test_differ(finished: Path) -> None:
    """No two tracks have the same notes, or the same true movement at any moment."""
    studio = finished / "data/raw/studio"
    notes = [path.read_text() for path in studio.rglob("Notes_*.txt")]
    bones = [np.ptp(np.load(path)[0], axis=0).tobytes() for path in studio.rglob("Joints_*.npy")]
    assert len(notes) == len(bones) == 26
    assert len(set(notes)) == len(set(bones)) == 26


def test_a_second_run_does_nothing(finished: Path) -> None:
    assert ran(sh(finished, "dvc repro")) == []
    sh(finished, "git diff --exit-code -- dvc.lock metrics")


def test_an_experiment_runs_the_prior_and_what_follows(finished: Path, tmp_path: Path) -> None:
    """Twice the heads must not cost a minute of detection."""
    folder = tmp_path / "experiment"
    shutil.copytree(finished, folder, symlinks=True)
    output = sh(folder, f"{OTHER_HEADS} evaluate@mi_net evaluate@rnn_seq2seq")
    assert ran(output) == ["train_prior@mi_net", "generate@mi_net", "evaluate@mi_net"]


def test_an_experiment_on_one_variant_leaves_the_others(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    shutil.copytree(finished, folder, symlinks=True)
    some = "evaluate@graph_transformer evaluate@rnn_seq2seq evaluate@mi_net"
    output = sh(folder, f"{OTHER_DROPOUT} {some}")
    one = "graph_transformer"
    assert ran(output) == [f"train_baseline@{one}", f"generate@{one}", f"evaluate@{one}"]


def test_instruments_never_reach_a_model(finished: Path, tmp_path: Path) -> None:
    """With every label wrong, and the split as it was, training and generation give the same bytes; on another number of
    cores, too."""
    folder = tmp_path / "mislabelled"
    shutil.copytree(finished, folder, symlinks=True)
    table = pd.read_parquet(folder / "data/splits.parquet")
    table["instrument"] = "kazoo"
    table.to_parquet(folder / "data/splits.parquet", index=False)
    made = [f"models/{name}" for name in ("vqvae", "reader", *MODELS)] + [f"samples/{name}" for name in MODELS]
    made.append("data/more_players")
    before = {path: path.read_bytes() for name in made for path in (folder / name).rglob("*") if path.is_file()}
    for name in (*made, "data/codes"):
        shutil.rmtree(folder / name)
    trained = [("train_prior", name) for name in PRIORS] + [("train_baseline", name) for name in BASELINES]
    first = [("more_players",), ("train_vqvae", "vqvae"), ("encode",), ("train_reader",)]
    stages = [*first, *trained, *(("generate", name) for name in MODELS)]
    # In one process, which saves a minute of imports, and with two workers, where the clone had none.
    calls = "; ".join(f"stages.{stage}.main({', '.join(map(repr, names))})" for stage, *names in stages)
    imported = ", ".join(sorted({f"stages.{stage}" for stage, *_ in stages}))
    sh(folder, f'LOKY_MAX_CPU_COUNT=2 python -c "import {imported}; {calls}"')
    after = {path: path.read_bytes() for name in made for path in (folder / name).rglob("*") if path.is_file()}
    assert before == after


def test_killed_and_run_again_the_lock_is_the_same(finished: Path, tmp_path: Path) -> None:
    """SIGKILL in extract and in three trainings; another clone, and trainings ahead of their stage, too: every byte of an artifact
    is in this file."""
    folder = house(tmp_path)
    for stage, sign in (
        ("extract", "work/extract/[!.]*.npz"),
        ("train_vqvae@vqvae", "work/vqvae/*/checkpoint.safetensors"),
        ("train_reader", "work/reader/*/checkpoint.safetensors"),
        ("train_prior@mi_net", "work/mi_net/*/checkpoint.safetensors"),
    ):
        kill_in(folder, stage, sign)
        kept = {path: path.stat().st_mtime_ns for path in folder.glob(sign)}
        assert kept
        if stage == "extract":
            first = kept
    trainings = ["train_reader", "train_prior@mi_net", "train_prior@gru_content"]
    sh(folder, f"LOKY_MAX_CPU_COUNT=2 python -m pipeline.commands.repro {' '.join(trainings)}")
    ahead = {log.stem for log in (folder / "work/ahead").iterdir()}
    assert ahead, "no training ran ahead of its stage"
    assert ahead < set(trainings)
    assert all(path.stat().st_mtime_ns == when for path, when in first.items()), "a finished track was detected again"
    here, there = (YAML(typ="safe").load(place / "dvc.lock")["stages"] for place in (folder, finished))
    assert set(trainings) <= set(here)
    assert here == {stage: there[stage] for stage in here}


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"{CLIPS} is missing: the real clips are not part of the repository")
def test_real_clips_run_to_the_end(tmp_path: Path) -> None:
    """A folder of anyone's videos: the same stages, real pixels and real sound."""
    folder = house(tmp_path)
    some = "evaluate@mi_net evaluate@mi_net_sync_content"  # with and without notes; the others take minutes more
    sh(folder, f"{OWN_VIDEOS.replace('/path/to/videos', str(CLIPS))} {some}")
    assert list((folder / "samples/mi_net/wav").glob("*.wav"))
    metrics = json.loads((folder / "metrics/mi_net.json").read_text())
    assert metrics["nll"] > 0
    # Nobody has written down when their notes start: the recorded sound says so.
    assert 0 <= metrics["onset_f1"] <= 1
    assert json.loads((folder / "metrics/test_set.json").read_text())["onset_f1"] == 1
    # No MIDI beside these clips: the models with content are passed over, and everyone is told.
    assert json.loads((folder / "metrics/mi_net_sync_content.json").read_text())["nll"] is None
    with open(folder / "data/set_aside.csv", newline="") as file:
        aside = {row["file"] for row in csv.DictReader(file)}
    used = set(pd.read_parquet(folder / "data/splits.parquet").track)
    assert len(used) >= 5, aside
