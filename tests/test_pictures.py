"""systems/pictures: its stages on a toy corpus, its models, the walk, sound in blocks, and `minet visualise`."""

import json
import re
import sys
from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import PROFILE, REAL, blank, tone, write_video, write_wav
from ruamel.yaml import YAML

from pipeline import params
from pipeline.audio import bands, streamed
from pipeline.audio.spectrogram import log_spectrogram
from pipeline.commands import minet
from pipeline.compute import parallel
from pipeline.compute.closure import ROOT, closure
from pipeline.corpus.track import Track, write_tracks
from pipeline.dataset.artifacts import MODELS, MORE_PLAYERS, MOTION, NOTES, SPECTROGRAMS, SPLITS, TRACKS
from pipeline.dataset.shards import Shards, ShardWriter
from pipeline.errors import ParamsError
from pipeline.keypoints.skeleton import JOINTS
from pipeline.media import probing, sound_files, sound_stream
from pipeline.models.audio_to_body import AudioToBody
from pipeline.models.frame_vae import FrameVAE
from pipeline.models.listener import Listener, log_likelihood
from pipeline.models.mi_net_sync import MINetSync
from pipeline.sampling import dreaming, moving, repertoire
from pipeline.sampling.walk import walk
from pipeline.studio.instruments import BY_CODE
from pipeline.training import weights
from systems.pictures import bands as in_bands
from systems.pictures import (
    evaluate,
    examples,
    more_frames,
    paths,
    report,
    rows,
    train_body,
    train_frame_vae,
    train_judge,
    train_listener,
)
from systems.pictures import params as own

SYSTEM = ROOT / "systems" / "pictures"
AUDIO = PROFILE.audio
RATE_HZ, HOP = AUDIO.sample_rate_hz, AUDIO.hop_length
PACE = {"fps": 24.0, "memory": 0.5, "lingers_s": 1.5, "travels_s": 1.0, "pulse": 100.0}
VAE = {"size_px": 64, "latent": 4, "channels": [2, 4], "beta": 1.0, "moving_weight": 1.0, "principal": False}
MUSIC = {
    "codes": 4,
    "notes": 0,
    "body_hidden": 4,
    "layers": 1,
    "width": 8,
    "dropout": 0.0,
    "heads": 2,
    "posture_noise": 0.0,
    "token_dropout": 0.0,
    "condition_dropout": 0.0,
}
LISTENER = {
    "bands": 8,
    "frames": 63,
    "latent": 4,
    "channels": 4,
    "layers": 2,
    "dropout": 0.1,
    "contrast_weight": 0.1,
    "vae": "frame_vae_better",
    "lowest_hz": 50.0,
    **PACE,
}
BODY = {
    "bands": 8,
    "joints": JOINTS,
    "channels": 4,
    "hidden": 6,
    "dropout": 0.1,
    "velocity_weight": 0.5,
    "begun": 0.7,
    "lowest_hz": 50.0,
    "fps": 25.0,
    "repertoire_s": 4.0,
    "liveliest": 2.0,
    "chosen_by_s": 2.0,
}


def test_the_stages_of_dvc_yaml_are_the_modules() -> None:
    """Each runs a module of its own that it depends on."""
    stages = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    assert set(own.load().variants) == set(stages["train_frame_vae"]["foreach"])
    for name, spec in stages.items():
        each = spec.get("do", spec)
        assert each["cmd"] == f"python -m systems.pictures.{name}" + (" ${item}" if "do" in spec else "")
        assert each["wdir"] == "../.."
        assert f"systems/pictures/{name}.py" in each["deps"]


def test_what_is_read_is_declared() -> None:
    """A section of the system's own parameters that a stage reads and does not declare would not make it run again."""
    stages = YAML(typ="safe").load(SYSTEM / "dvc.yaml")["stages"]
    sections = set(own.Params.model_fields)
    for name, spec in stages.items():
        files = [path for path in closure(SYSTEM / f"{name}.py") if path.is_relative_to(SYSTEM)]
        read = {section for path in files for section in re.findall(r"\bown\.(\w+)", path.read_text())} & sections
        key = "systems/pictures/params.yaml"
        (declared,) = (each[key] for each in spec.get("do", spec)["params"] if key in each)
        written = {key.split(".")[0] for key in declared}
        assert read <= written | {"variants"}, (name, read - written)


def test_no_other_pipeline_knows_of_it() -> None:
    """Or a change here would make a committed run stale."""
    for file in (*(ROOT / "stages").glob("*.py"), *(ROOT / "pipeline").rglob("*.py")):
        assert not {path for path in closure(file) if path.is_relative_to(ROOT / "systems")}, file
    for file in ("dvc.yaml", "systems/foley_music/dvc.yaml", "systems/imu/dvc.yaml", "systems/separation/dvc.yaml"):
        text = (ROOT / file).read_text()
        assert not re.search(r"systems/pictures|frame_vae|listener|sound_stream|repertoire", text), file


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (("listener", "memory"), 1.0, "listener.memory = 1.0: must be from 0 to below 1"),
        (("listener", "vae"), "best", "listener.vae = best: must be one of seed, better"),
        (("report", "film_px"), 255, "report.film_px = 255: must be even"),
        (("variants", "seed", "latent"), 0, "variants.seed.latent = 0: must be 1 or more"),
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
        lone = ("training:", "listener:", "evaluation:", "report:")
        if line.strip() and not line.strip().startswith("- ") and line.strip() not in lone:
            assert " # " in line, line


@settings(max_examples=10)
@given(memory=st.floats(0, 0.9), lingers_s=st.floats(0.3, 3), travels_s=st.floats(0.1, 2))
def test_a_walk_is_as_its_parameters_say(memory: float, lingers_s: float, travels_s: float) -> None:
    """It lingers at points, whose lag-1 correlation is the memory, and goes straight from one to the next."""
    steps = np.stack(
        list(islice(walk(16, 24.0, memory, lingers_s, travels_s, np.random.default_rng(0), repeat(1.0)), 60_000))
    )
    found_memory, found_s = evaluate.measured(steps, 24.0)
    assert found_memory == pytest.approx(memory, abs=0.06)
    assert found_s == pytest.approx(max(lingers_s, 1 / 24), rel=0.2, abs=0.05)
    bends = np.abs(np.diff(steps, 2, axis=0)).max(1) > 1e-9
    turns = 60_000 / (24 * (lingers_s + travels_s))
    assert bends.sum() < 2.6 * turns + 60  # at the start and the end of each way alone
    assert steps.std() == pytest.approx(1.0, abs=0.25)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(0, 2**31))
def test_a_sound_in_blocks_has_the_spectrogram_of_the_whole(lengths: list[int], seed: int) -> None:
    blocks = [np.random.default_rng(seed).normal(0, 0.1, length).astype(np.float32) for length in lengths]
    whole = log_spectrogram(np.concatenate(blocks), AUDIO)
    assert np.array_equal(np.concatenate(list(streamed.log_spectrograms(blocks, AUDIO))), whole)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=6), st.sampled_from([1, 2, 5, 62, 63]), st.floats(0.5, 4))
def test_windows_of_parts_are_those_of_the_whole(lengths: list[int], frames: int, every: float) -> None:
    rows_of = np.arange(1.0, sum(lengths) + 1)[:, None]
    parts = np.split(rows_of, np.cumsum(lengths)[:-1])
    count = max(int(len(rows_of) / every), 1)
    found = np.concatenate(list(streamed.windows(parts, frames, every, np.zeros(1), lambda: count)))[:count, :, 0]
    padded = np.concatenate([np.zeros(frames), rows_of[:, 0], np.zeros(2 * frames + 9)])
    firsts = [int(i * every + 0.5) - frames // 2 + frames for i in range(count)]
    assert np.array_equal(found, np.stack([padded[first : first + frames] for first in firsts]))


def test_bands_are_means() -> None:
    shares = bands.gather(64, 50.0, AUDIO)
    assert shares.shape == (1024, 64) and shares.sum(0) == pytest.approx(np.ones(64), abs=1e-5)
    assert bands.in_bands(np.full((3, 1024), 0.25, np.float16), shares) == pytest.approx(0.25, abs=1e-4)
    high = bands.in_bands(log_spectrogram(tone(0.5, hz=4000), AUDIO), shares)[10].argmax()
    low = bands.in_bands(log_spectrogram(tone(0.5, hz=200), AUDIO), shares)[10].argmax()
    assert high > low + 20


def test_the_loss_of_the_frame_vae_is_that_of_its_distributions() -> None:
    """Golden: for a posterior like the prior the divergence is 0; for mean 1 and standard deviation e, 0.5 (1 + e^2 - 1 - 2)."""
    torch.manual_seed(0)
    model = FrameVAE(**VAE)
    pictures, moves = torch.rand(5, 3, 64, 64), torch.ones(5, 64, 64)
    with torch.no_grad():
        model.to_latent.weight.zero_()
        model.to_latent.bias.zero_()
        assert model(pictures, moves)["divergence"] == pytest.approx(0)
        model.to_latent.bias.fill_(1)
        found = model(pictures, moves)
    assert found["divergence"].item() == pytest.approx(4 * 0.5 * (np.e**2 - 2), rel=1e-5)
    expected = 0.5 * found["error"].log() + found["divergence"] / (3 * 64 * 64)
    assert found["loss"].item() == pytest.approx(expected.item(), rel=1e-4)  # where all moves alike, all weighs alike


def test_it_begins_with_the_principal_components() -> None:
    """Golden: pictures that differ in two directions alone come through nearly as they are, before any step of training."""
    generator = torch.Generator().manual_seed(0)
    ways = torch.rand(2, 3, 64, 64, generator=generator)
    shares = torch.rand(40, 2, generator=generator)
    pictures = 0.5 * torch.einsum("bw,wchs->bchs", shares, ways)
    torch.manual_seed(0)
    model = FrameVAE(**VAE | {"principal": True})
    model.fit(pictures, 0)
    with torch.no_grad():
        for each in (*model.to_latent.parameters(), *model.decoder[-1].parameters()):
            each.zero_()
        latents, log_std = model.encode(pictures)
        assert model.decode(latents).numpy() == pytest.approx(pictures.numpy(), abs=1e-4)
    assert latents[:, :2].std(0) == pytest.approx(torch.ones(2), abs=1e-3)
    assert (log_std == log_std[0, 0]).all()


def test_who_is_not_heard_is_somebody_else() -> None:
    names = more_frames.unheard(["10000_vn", "10003_fl", "10001_va"], ["vn", "fl"], 2)
    assert names == ["10004_vn", "10005_fl", "10006_vn", "10007_fl"]


def test_movement_weighs_more() -> None:
    """An error where something moves costs more than the same error on the wall."""
    torch.manual_seed(0)
    model = FrameVAE(**VAE | {"moving_weight": 4.0})
    moves = torch.zeros(1, 64, 64)
    moves[:, :32] = 2
    losses = []
    for where in (slice(0, 32), slice(32, 64)):
        torch.manual_seed(1)
        with torch.no_grad():
            pictures = torch.full((1, 3, 64, 64), 0.5)
            pictures[:, :, where] = 1.0
            losses.append(model(pictures, moves)["loss"].item())
    assert losses[0] > losses[1]


def test_a_picture_is_most_likely_with_its_own_sound() -> None:
    latent = torch.eye(4)
    score = log_likelihood(latent, torch.full((4, 4), -1.0), latent)
    assert (score.argmax(1) == torch.arange(4)).all() and (score.argmax(0) == torch.arange(4)).all()
    golden = torch.distributions.Normal(0.5, np.e).log_prob(torch.tensor(2.0)) + 0.5 * np.log(2 * np.pi)
    one = log_likelihood(torch.tensor([[0.5]]), torch.tensor([[1.0]]), torch.tensor([[2.0]]))
    assert one.item() == pytest.approx(golden.item(), rel=1e-6)


def test_what_is_heard_comes_from_the_window_alone() -> None:
    """Each window is heard by itself, and each of its frames counts."""
    torch.manual_seed(0)
    model = Listener(**LISTENER).eval()
    sound = torch.rand(3, 63, 8, requires_grad=True)
    model.hear(sound)[0][1].sum().backward()
    assert sound.grad is not None
    assert not sound.grad[0].any() and not sound.grad[2].any()
    assert sound.grad[1].abs().sum(1).gt(0).all()


def test_no_pose_hears_more_than_a_little_ahead() -> None:
    """0.32 s, the margin with which a long sound is taken in parts; and all that was before, by the state."""
    torch.manual_seed(0)
    model = AudioToBody(**BODY).eval()
    sound = torch.rand(1, 250, 8, requires_grad=True)
    made, _ = model.move(model.heard(sound, 100), model.start(1))
    made[0, 40].sum().backward()
    assert sound.grad is not None
    heard = sound.grad[0].abs().sum(1) > 0
    assert heard[100] and not heard[100 + round(moving.MARGIN_S * AUDIO.fps) :].any()
    assert heard[:100].sum() > 90


@pytest.mark.parametrize("cuts", [[], [1], [40, 41, 300], [125, 250, 375]])
def test_movement_in_parts_is_the_same_in_any_parts(cuts: list[int]) -> None:
    torch.manual_seed(0)
    model = AudioToBody(**BODY).eval()
    sound = np.random.default_rng(0).normal(size=(437, 8)).astype(np.float32)
    found = np.concatenate(list(moving.movement(model, np.split(sound, cuts), AUDIO.fps)))
    whole = np.concatenate(list(moving.movement(model, [sound], AUDIO.fps)))
    assert np.array_equal(found, whole)
    assert len(found) >= 437 / AUDIO.fps * 25 + 1
    with torch.inference_mode():
        at_once, _ = model.move(model.heard(torch.from_numpy(sound[:425])[None], 170), model.start(1))
    assert found[10:160] == pytest.approx(
        at_once[0, 10:160].numpy(), abs=0.2
    )  # but for what is heard before the beginning
    assert found[100:160] == pytest.approx(at_once[0, 100:160].numpy(), abs=1e-3)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.sampled_from([24.0, 10.0, 25.0, 30.0]))
def test_movement_at_another_rate_is_interpolated(lengths: list[int], to_fps: float) -> None:
    count = sum(lengths)
    line = np.arange(count, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    parts = np.split(line, np.cumsum(lengths)[:-1])
    found = np.concatenate(list(moving.at_rate(parts, 25.0, to_fps)))[:, 0, 0]
    assert found == pytest.approx(np.arange(len(found)) * 25 / to_fps, abs=1e-3)
    assert len(found) == int((count - 1) * to_fps / 25 + 1e-6) + 1


@pytest.fixture(scope="module")
def violinist() -> repertoire.Repertoire:
    return repertoire.learn(BY_CODE["vn"], 1, 6.0, 25.0, 128)


def test_a_player_takes_the_poses_that_are_asked_for(violinist: repertoire.Repertoire) -> None:
    """The poses of the repertoire itself come out nearly as they are; of another player, the nearest."""
    asked = violinist.poses[20:60]
    places, shares, away = repertoire.nearest(violinist, asked)
    assert (places[:, 0] == np.arange(20, 60)).all() and away == pytest.approx(0, abs=2e-3)
    assert (
        shares.sum(1) == pytest.approx(np.ones(40)) and (shares >= 0).all() and (np.diff(shares, axis=1) <= 1e-9).all()
    )
    made = repertoire.performed(violinist, asked)
    assert repertoire.normalised(made.joints, violinist.unit_px) == pytest.approx(asked, abs=1e-4)
    drawn = list(repertoire.pictures(violinist, [asked[:2], asked[2:3]]))
    assert len(drawn) == 3 and drawn[0].shape == (128, 128, 3) and drawn[0].std() > 10


def test_the_player_is_chosen_whose_poses_are_nearest(violinist: repertoire.Repertoire) -> None:
    known = [repertoire.learn(BY_CODE[code], 1, 3.0, 25.0, 128) for code in ("tba", "vc", "fl")]
    other = repertoire.learn(BY_CODE["vn"], 7, 3.0, 25.0, 128)
    assert repertoire.most_alike([*known, violinist], other.poses) is violinist


def test_frame_change_is_compared_in_time() -> None:
    """Pictures that change where notes start correlate with them, and not with the same notes elsewhere."""
    rng = np.random.default_rng(0)
    strength = (rng.random(625) < 0.05) * rng.random(625)
    at = np.interp((np.arange(239) + 0.5) / 24, np.arange(625) / 62.5, np.convolve(strength, np.ones(9), "same"))
    right, shifted = rows.change_correlations(at, strength, 24, 62.5, 0.15, 7)
    assert right > 0.8 and abs(shifted) < 0.25
    assert rows.change_correlations(np.zeros(239), strength, 24, 62.5, 0.15, 7) == (0.0, 0.0)
    pictures = np.zeros((3, 4, 4, 3), np.uint8)
    pictures[2] = 51
    assert rows.frame_change(pictures) == pytest.approx([0, 0.2])


def test_onsets_are_compared_in_time() -> None:
    onsets_s = np.array([0.1, 1.3, 2.2, 4.5, 6.9])
    right, shifted = rows.onset_f1s(onsets_s, onsets_s + 0.03, 8.0, 0.05, 7)
    assert right == 1 and shifted < 0.2


def test_alike_pictures_are_one() -> None:
    pictures = np.repeat(np.array([0, 100, 101, 200], np.uint8), 2)[:, None, None, None] * np.ones(
        (1, 4, 4, 3), np.uint8
    )
    assert rows.distinct(pictures.astype(np.uint8), 0.02) == pytest.approx(3 / 8)


def test_sound_is_varied_within_bounds() -> None:
    """Silent windows are silent; of the others each stays a sound, and none is below the floor."""
    rng, varied = np.random.default_rng(0), own.load().varied
    sound = np.repeat(bands.in_bands(log_spectrogram(tone(1.0), AUDIO), bands.gather(64, 50.0, AUDIO))[None], 200, 0)
    made = examples.vary_sound(sound, varied, AUDIO, rng)
    assert made.shape == sound.shape and made.dtype == np.float32 and made.min() >= streamed.SILENCE
    silent = (made == streamed.SILENCE).all((1, 2))
    assert 0.02 < silent.mean() < 0.25
    loudest = sound[0, 30].argmax()
    assert (np.abs(made[~silent][:, 30].argmax(1) - loudest) <= 2).mean() > 0.9
    assert len({each.tobytes() for each in made[~silent]}) == (~silent).sum()


def heard_by(film: Path) -> np.ndarray:
    return sound_files.read_audio(film, RATE_HZ)


def pictures_in(film: Path) -> int:
    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with untrained models, as after a run."""
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    for name, network, model, sizes in (
        ("listener", "listener", Listener(**LISTENER), LISTENER),
        ("frame_vae_better", "frame_vae", FrameVAE(**VAE), VAE),
        ("audio_to_body", "audio_to_body", AudioToBody(**BODY), BODY),
    ):
        weights.save(MODELS / name, model, weights.Config(network, "fp32", sizes))
    return tmp_path


def run(*arguments: object) -> None:
    sys.argv = ["minet", "visualise", *map(str, arguments)]
    minet.main()


@pytest.mark.parametrize("style", ["dream", "player"])
def test_a_song_gets_a_film(models: Path, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as the song to a frame, with its sound, in time; the same again with the same seed."""
    song = write_wav(models / "song.wav", np.concatenate([np.zeros(16000, np.float32), tone(1.33)]))
    for name in ("out.mp4", "again.mp4"):
        run(song, "-o", name, "--style", style, "--size", 96, "--seed", 2)
    assert pictures_in(Path("out.mp4")) == int(np.ceil(2.33 * 24))
    assert probing.size_px("out.mp4") == (96, 96)
    heard = heard_by(Path("out.mp4"))
    assert len(heard) / RATE_HZ == pytest.approx(2.33, abs=0.06)
    assert np.flatnonzero(np.abs(heard) > 0.2)[0] / RATE_HZ == pytest.approx(1.0, abs=0.02)
    assert Path("out.mp4").read_bytes() == Path("again.mp4").read_bytes()
    assert "out.mp4: 2.3 s of film" in capsys.readouterr().out
    assert {path.name for path in models.iterdir()} >= {"out.mp4"} and not list(models.glob(".*"))


@pytest.mark.parametrize(
    ("sound", "rate_hz"),
    [
        (np.zeros(16000, np.float32), 16000),
        (tone(0.7, 8000), 8000),
        (tone(0.01), 16000),
        (np.stack([tone(0.5, 44100), -tone(0.5, 44100)], 1), 44100),
        (np.full(4800, np.nan, np.float32), 48000),
    ],
    ids=["silence", "8 kHz", "10 ms", "stereo", "not a number"],
)
def test_any_sound_gets_a_film(models: Path, sound: np.ndarray, rate_hz: int) -> None:
    song = write_wav(models / "song.wav", sound, rate_hz)
    for style in ("dream", "player"):
        run(
            song,
            "-o",
            "out.mkv",
            "--size",
            64,
            "--style",
            style,
            *(["--instrument", "vc"] if style == "player" else []),
        )
        assert pictures_in(Path("out.mkv")) == max(int(np.ceil(len(sound) / rate_hz * 24 - 1e-6)), 1)


def test_the_sound_of_a_video_is_used(models: Path) -> None:
    """With the place that it has in the video: it starts late."""
    video = write_video(models / "in.mp4", blank(2.0), tone(1.0), sound_start_s=0.5)
    run(video, "-o", "out.mp4", "--size", 64)
    heard = heard_by(Path("out.mp4"))
    assert np.flatnonzero(np.abs(heard) > 0.1)[0] / RATE_HZ == pytest.approx(0.5, abs=0.05)
    assert abs(pictures_in(Path("out.mp4")) - 36) <= 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["silent.mp4", "-o", "x.mp4"], "silent.mp4: no sound in it; give a file that has some"),
        (["nothing.wav", "-o", "x.mp4"], "nothing.wav: no such file"),
        (["text.wav", "-o", "x.mp4"], "text.wav: broken, or no media file"),
        (["song.wav", "-o", "x.txt"], "-o x.txt: choose a name that ends in .mp4 or .mkv"),
        (["song.wav", "-o", "song.wav"], "this is the input itself"),
        (["song.wav", "-o", "x.mp4", "--size", "63"], "--size 63: must be an even number from 64 to 2160"),
        (["song.wav", "-o", "x.mp4", "--wander", "-1"], "--wander -1: must be 0 or more"),
        (["song.wav", "-o", "x.mp4", "--seed", "-1"], "--seed -1: must be 0 or more"),
        (["song.wav", "-o", "x.mp4", "--instrument", "violin"], "--instrument: only for --style player"),
        (["song.wav", "-o", "x.mp4", "--style", "player", "--wander", "1"], "--wander: only for --style dream"),
        (
            ["song.wav", "-o", "x.mp4", "--style", "player", "--instrument", "kazoo"],
            "--instrument 'kazoo': the studio draws: violin, viola",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(
    models: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(models / "song.wav", tone(0.2))
    write_video(models / "silent.mp4", blank(0.5))
    (models / "text.wav").write_text("no sound at all")
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert str(error.value).startswith("error: ") and said in str(error.value), error.value
    assert not Path("x.mp4").exists()


def test_without_a_run_it_says_what_to_do(models: Path) -> None:
    for path in (MODELS / "listener").iterdir():
        path.unlink()
    write_wav(models / "song.wav", tone(0.2))
    with pytest.raises(
        SystemExit, match="no trained model there; fetch it with: dvc pull models/listener models/frame_vae_better"
    ):
        run("song.wav", "-o", "x.mp4")


def test_memory_does_not_grow_with_the_song() -> None:
    """What is kept between blocks of a long sound is a few seconds of it."""
    torch.manual_seed(0)
    model = Listener(**LISTENER).eval()
    asked: list[int] = []

    def sound() -> Iterator[np.ndarray]:
        for second in range(40):
            asked.append(second)
            yield np.zeros((round(AUDIO.fps), 8), np.float32)

    made = 0
    for part in dreaming.latents(model, sound(), AUDIO.fps, lambda: 0, wander=1.0, seed=1):
        made += len(part)
        assert abs(made / 24 - (asked[-1] + 1)) < 1.2


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not here")
def test_real_sounds_are_read_as_they_are(tmp_path: Path) -> None:
    """The stream and the whole agree on how long a real recording is, and on what is heard in it."""
    for name in ("audio/solo_trumpet.ogg", "clips/tabla.mp4"):
        streaming = np.concatenate(list(sound_stream.blocks(REAL / name, RATE_HZ)))
        whole = sound_files.read_audio(REAL / name, RATE_HZ)
        assert abs(len(streaming) - len(whole)) < 0.05 * RATE_HZ
        count = min(len(streaming), len(whole))
        energy = [np.add.reduceat(each[:count] ** 2, np.arange(0, count, 1600)) for each in (streaming, whole)]
        assert np.corrcoef(energy)[0, 1] > 0.99


def toy_corpus() -> None:
    """Seven tracks of two instruments of 5 s, and two further players. Pictures move where a tone starts."""
    rng, fps, seconds = np.random.default_rng(0), PROFILE.motion.fps, 5.0
    parts = {"a": "train", "b": "train", "c": "train", "d": "choose", "e": "test", "f": "test", "g": "test"}
    tracks = []
    writers = {
        folder: ShardWriter(folder)
        for folder in (
            MOTION,
            SPECTROGRAMS,
            NOTES,
            paths.FRAMES,
            MORE_PLAYERS / "motion",
            MORE_PLAYERS / "spectrograms",
        )
    }
    for number, name in enumerate((*parts, "10000_vn", "10001_vc")):
        onsets_s = np.sort(rng.uniform(0, seconds - 0.5, 6))
        t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        since = t - np.concatenate([[0], onsets_s])[np.searchsorted(onsets_s, t)]
        sound = (0.3 * np.sin(2 * np.pi * (300 + 300 * (number % 2)) * t) * np.exp(-4 * since)).astype(np.float32)
        joints = rng.normal(number % 2, 0.01, (round(seconds * fps), JOINTS, 2)).astype(np.float32)
        spectrogram = log_spectrogram(sound, AUDIO)
        more = name.startswith("1")
        writers[MORE_PLAYERS / "motion" if more else MOTION].add(name, {"motion": joints})
        writers[MORE_PLAYERS / "spectrograms" if more else SPECTROGRAMS].add(name, {"spectrogram": spectrogram})
        if more:
            continue
        onset_rows = np.zeros(len(spectrogram), bool)
        onset_rows[np.round(onsets_s * AUDIO.fps).astype(int)] = True
        writers[NOTES].add(name, {"onsets": onset_rows})
        pictures = np.full((25, 64, 64, 3), 60 + 120 * (number % 2), np.uint8)
        pictures[:, :32] += rng.integers(0, 40, (25, 32, 64, 3), dtype=np.uint8)
        writers[paths.FRAMES].add(name, {"pictures": pictures})
        audio = write_wav(Path("data/raw/studio") / f"{name}.wav", sound, RATE_HZ)
        tracks.append(Track(name, name, "violin" if number % 2 else "cello", audio, audio))
    for writer in writers.values():
        writer.__exit__(None, None, None)
    instruments = ["violin" if number % 2 else "cello" for number in range(len(parts))]
    pd.DataFrame({"track": list(parts), "instrument": instruments, "part": list(parts.values())}).to_parquet(SPLITS)
    write_tracks(TRACKS, tracks)


@pytest.mark.slow
def test_the_stages_make_what_they_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, the same keys in every row, a sheet and two films; again with other labels, the same models."""
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "smoke.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parallel, "each", lambda function, calls, _: (function(*call) for call in calls))
    Path("data/raw/studio").mkdir(parents=True)
    toy_corpus()
    chosen = own.load()

    def short(section: object, **changes: object) -> object:
        training = section.training.model_copy(update={"steps": 2, "validate_every": 2, "batch": 4})  # type: ignore[attr-defined]
        return section.model_copy(update={"training": training, **changes})  # type: ignore[attr-defined]

    small = chosen.model_copy(
        update={
            "variants": {name: short(each, latent=3, channels=[2, 4]) for name, each in chosen.variants.items()},
            "listener": short(chosen.listener, channels=4),
            "body": short(chosen.body, channels=4, hidden=6, repertoire_s=4.0, chosen_by_s=2.0),
            "judge": short(chosen.judge, channels=2),
            "more_frames": chosen.more_frames.model_copy(update={"players": 1, "unheard": 1, "unheard_pictures": 2}),
            "evaluation": chosen.evaluation.model_copy(update={"walk_s": 60.0}),
            "report": chosen.report.model_copy(update={"tracks": 1, "pictures": 3, "film_s": 2.0, "film_px": 64}),
        }
    )
    monkeypatch.setattr(own, "load", lambda: small)
    more_frames.main()
    in_bands.main()
    drawn, heard = Shards(paths.MORE_FRAMES), Shards(paths.MORE_BANDS)
    assert drawn.arrays == ["pictures"]
    seen_only = [name for name in drawn.index.index if name not in heard]
    assert seen_only and all(len(drawn.rows("pictures", name)) == 2 for name in seen_only)
    train, settings_of_run = examples.of_part("train"), params.load()
    # Nobody trains a listener on the silence of those who were not heard.
    assert not {*examples.seen(train, settings_of_run, small, more=True).names} & {*seen_only}
    assert {*examples.seen(train, settings_of_run, small, more=True, unheard=True).names} > {*seen_only}
    for name in small.variants:
        train_frame_vae.main(name)
    for stage in (train_listener, train_body, train_judge):
        stage.main()
    sizes = {
        "codes": 4,
        "joints": JOINTS,
        "width": 8,
        "layers": 1,
        "posture": 4,
        "dropout": 0.0,
        "code_loss_weight": 0.1,
        "onset_companding": 16.0,
        "onset_scale": 0.1,
    }
    whole = {**MUSIC, "reader": sizes}
    weights.save(paths.MUSIC, MINetSync(**whole), weights.Config("mi_net_sync", "fp32", whole))
    evaluate.main()
    made = {path.stem: json.loads(path.read_text()) for path in paths.FIGURES.glob("*.json")}
    assert set(made) == set(report.ROWS)
    assert {tuple(metrics) for metrics in made.values()} == {rows.KEYS}
    assert made["frame_vae_seed"]["squared_error_ratio"] > 0 and made["recorded"]["instrument_chance"] == 0.5
    assert made["walk"]["walk_memory"] == pytest.approx(small.listener.memory, abs=0.3)
    report.main()
    assert {path.name for path in paths.REPORT.iterdir()} == {
        "report.md",
        "contact_sheet.png",
        "dream.webm",
        "player.webm",
    }

    kept = {path: path.read_bytes() for path in MODELS.rglob("*.*") if "judge" not in str(path)}
    table = pd.read_parquet(SPLITS)
    table.assign(instrument="kazoo").to_parquet(SPLITS, index=False)
    for name in small.variants:
        train_frame_vae.main(name)
    train_listener.main()
    train_body.main()
    assert {path: path.read_bytes() for path in kept} == kept
