"""Sound for a silent video: in step with the picture, of any length, and with a sentence for whatever stands in the way."""

import math
import sys
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import joblib
import numpy as np
import pretty_midi
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import PROFILE, blank, tone, write_video
from torch import Tensor, nn

from pipeline import params
from pipeline.commands import minet, sonify
from pipeline.errors import FileError, ParamsError
from pipeline.keypoints import detection, whole_video
from pipeline.keypoints.skeleton import JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_WRIST
from pipeline.media import muxing, picture_files, probing, sound_files
from pipeline.models.mi_net_sync import MINetSync
from pipeline.models.protocols import Next
from pipeline.report import pictures
from pipeline.sampling.sampler import Sampling, sample_long
from pipeline.training import weights

FPS = 20


class Follower(nn.Module):
    """A model that plays code 1 while the right wrist is up, whatever was played before."""

    start, reads_notes = 2, False

    def onset_strength(self, motion: Tensor, steps: int) -> None:
        pass

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        frames = motion.shape[1]
        at = (torch.arange(steps) * frames / steps).long().clamp(max=frames - 1)
        up = motion[:, at, RIGHT_WRIST, 1] < 0  # (B, T)
        scores = iter(torch.stack([~up, up], -1).mul(100.0).unbind(1))
        return lambda before: [next(scores) for _ in before[0]][-1]


class Loud:
    """In the place of a VQ-VAE: code 0 is silence, code 1 a chord."""

    class codebook:
        codes = torch.zeros(1)

    receptive_field = 3

    def decode(self, codes: Tensor) -> Tensor:
        made = torch.full((*codes.shape, PROFILE.audio.n_fft // 2), -1.0)
        made[..., 30:200:7] = torch.where(codes[..., None] == 1, 0.8, -1.0)
        return made


def waving(pictures: Iterator[np.ndarray], _: params.Keypoints) -> Iterator[np.ndarray]:
    """A detector that sees a player, whose right wrist is up where the picture is bright; nobody where it is black."""
    for picture in pictures:
        joints = np.zeros((JOINTS, 3), np.float32)
        joints[:, 2] = picture.max() > 40
        joints[RIGHT_SHOULDER, 0], joints[LEFT_SHOULDER, 0] = 10, 30
        joints[RIGHT_WRIST, 1] = -50 if picture.mean() > 180 else 50
        yield joints


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real way from the file to the file, with a detector and models whose music is known."""
    monkeypatch.setitem(detection.DETECTORS, "mediapipe", partial(detection.in_pictures, waving))
    monkeypatch.setattr(sonify, "load", lambda *of, with_notes: (Follower(), Loud()))
    with joblib.parallel_config(backend="threading"):  # what is patched is patched here alone
        yield


def claps(at_s: list[float], duration_s: float) -> list[tuple[float, np.ndarray]]:
    """Pictures at 20 frames/s, bright for half a second from each time on."""
    times = np.arange(round(duration_s * FPS)) / FPS
    bright = [any(0 <= time_s - start_s < 0.5 for start_s in at_s) for time_s in times]
    return [(t, np.full((64, 64, 3), 250 if b else 90, np.uint8)) for t, b in zip(times, bright, strict=True)]


def run(*arguments: object) -> None:
    sys.argv = ["minet", "sonify", *map(str, arguments)]
    minet.main()


def brightenings(video: Path) -> list[float]:
    """When the middle of the picture becomes bright, s; the joints are drawn at its edge."""
    seen = [(time_s, picture[20:44, 20:44].mean() > 180) for time_s, picture in picture_files.frames(video)]
    return [time_s for (_, before), (time_s, now) in pairwise(seen) if now and not before]


def beginnings(video: Path) -> list[float]:
    """When the sound begins, s: where 10 ms are half as loud as the loudest, after 0.2 s that are not.

    A spectrogram's window of 128 ms smears what begins over the 64 ms before and after; half is in the middle.
    """
    sound, rate_hz = sound_files.decode_audio(video)
    block = rate_hz // 100
    level = np.sqrt((sound[: len(sound) // block * block].reshape(-1, block) ** 2).mean(1))
    loud = level > 0.5 * level.max()
    return [i / 100 for i in range(20, len(loud)) if loud[i] and not loud[i - 20 : i].any()]


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [[], ["--draw"]])
@pytest.mark.parametrize("late_s", [0.0, 0.7])
def test_sound_is_in_step_with_the_picture(tmp_path: Path, followed: None, drawn: list[str], late_s: float) -> None:
    """Claps within a window, at a seam of windows, after ten seconds (another part of the video) and after the first block of
    phases; also where the file's clock does not start at 0."""
    at_s = [1.0, 3.0, 5.5, 10.0, 13.5]
    pictures = [(late_s + time_s, picture) for time_s, picture in claps(at_s, 16)]
    video = write_video(tmp_path / "in.mkv", pictures, container_format="matroska")
    out = tmp_path / "out.mp4"
    run(video, "-o", out, *drawn)
    seen = brightenings(out)
    assert seen == pytest.approx(at_s, abs=0.002)
    assert beginnings(out) == pytest.approx(seen, abs=1 / FPS)
    assert probing.probe(out).duration_s == pytest.approx(16, abs=0.1)
    assert sum(1 for _ in picture_files.frames(out)) == len(pictures)


def test_what_is_written_beside_the_video(tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "in.mp4", claps([1.0], 5), tone(5))
    run(video, "-o", tmp_path / "out.mp4")
    sound, rate_hz = sound_files.decode_audio(tmp_path / "out.wav")
    assert rate_hz == PROFILE.audio.sample_rate_hz
    assert len(sound) / rate_hz == pytest.approx(5, abs=0.1)
    with np.load(tmp_path / "out.npz") as found:
        assert found["keypoints"].shape == (100, JOINTS, 3)
        assert found["times"] == pytest.approx(np.arange(100) / FPS, abs=0.001)
    assert (tmp_path / "out.png").stat().st_size > 10_000
    assert "out.mp4" in capsys.readouterr().out


@pytest.mark.parametrize(("instrument", "program"), [([], 0), (["--instrument", "cello"], 42)])
def test_the_notes_of_a_sound_are_heard_in_it(
    tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str], instrument: list[str], program: int
) -> None:
    """A chord at each clap, so a note then; and the command says that they were heard. Whoever is named plays them."""
    at_s, midi = [0.5, 2.0, 3.5], tmp_path / "out.mid"
    video = write_video(tmp_path / "in.mp4", claps(at_s, 5))
    run(video, "-o", tmp_path / "out.mp4", "--midi-out", midi, *instrument)
    (track,) = pretty_midi.PrettyMIDI(str(midi)).instruments
    assert track.program == program
    assert sorted(note.start for note in track.notes) == pytest.approx(at_s, abs=0.1)
    said = capsys.readouterr().out
    assert "3 notes, heard in the generated sound: some are missed, and some are wrong" in said
    assert "out.mid: the notes, for any program that reads MIDI" in said


def test_an_instrument_that_is_none_is_refused_before_the_work(
    tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "v.mp4", claps([0.5], 2))
    monkeypatch.setattr(sonify, "find", None)
    message = said(capsys, video, "-o", tmp_path / "o.mp4", "--midi-out", tmp_path / "o.mid", "--instrument", "kazoo")
    assert "--instrument kazoo: must be one of violin" in message


def test_the_picture_of_a_long_video_has_no_more_columns_than_it_shows(
    tmp_path: Path, followed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes of spectrogram take a gigabyte to draw. What is loud for half of a column is still seen as loud."""
    drawn: list[np.ndarray] = []
    draw = pictures.seen_and_heard

    def seen_and_heard(path: Path, **of: Any) -> None:
        drawn.extend(of["spectrograms"].values())
        draw(path, **of)

    monkeypatch.setattr(pictures, "seen_and_heard", seen_and_heard)
    monkeypatch.setattr(minet, "PICTURE_FRAMES", 7)  # of 45 steps; the clap takes 31 of the second
    run(write_video(tmp_path / "in.mp4", claps([0.75], 5), tone(5)), "-o", tmp_path / "out.mp4")
    (picture,) = drawn
    assert picture.max(axis=1).tolist() == pytest.approx([-1, 0.8, -1, -1, -1, -1, -1])


def test_a_seed_is_a_music(tmp_path: Path) -> None:
    """The same seed gives the same codes, another seed others."""
    torch.manual_seed(0)
    model = small_prior()
    motion = torch.randn(1, 200, 5, 2)
    made = [sample_long(model, motion, None, 500, Sampling(100), torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def small_prior() -> MINetSync:
    reader: dict[str, Any] = {"codes": 20, "joints": 5, "width": 8, "layers": 1, "posture": 4, "dropout": 0.0}
    reader |= {"code_loss_weight": 1.0, "onset_companding": 1.0, "onset_scale": 1.0}
    return MINetSync(
        codes=20,
        notes=0,
        reader=reader,
        body_hidden=4,
        layers=1,
        width=16,
        heads=2,
        dropout=0.0,
        posture_noise=0.0,
        token_dropout=0.0,
        condition_dropout=0.0,
    ).eval()


@settings(max_examples=30)
@given(st.integers(1, 700), st.integers(4, 120))
def test_windows_go_on_where_the_one_before_was(steps: int, context: int) -> None:
    """Every step is drawn once, and follows the movement at its own time, whatever the length."""
    motion = torch.zeros(1, steps, JOINTS, 2)
    motion[0, :, RIGHT_WRIST, 1] = torch.where(torch.arange(steps) // 7 % 2 == 0, -1.0, 1.0)
    drawn: list[int] = []
    generator = torch.Generator().manual_seed(0)
    model = Follower()
    codes = sample_long(
        model,  # type: ignore[arg-type]
        motion,
        None,
        steps,
        Sampling(context),
        generator,
        drawn.append,
    )
    assert sum(drawn) == steps
    assert torch.equal(codes[0], (motion[0, :, RIGHT_WRIST, 1] < 0).long())


def test_a_window_is_told_the_codes_that_it_shares_with_the_one_before() -> None:
    """Otherwise music would begin anew at every seam."""
    told: list[int] = []

    class Counting(Follower):
        """Plays one code after the other: what comes next hangs on the code before."""

        def begin(self, *_: object) -> Next:
            def following(before: Tensor) -> Tensor:
                told.extend(before[0].tolist())
                after = (told[-1] + 1) % 50 if told[-1] < 50 else 0
                return torch.nn.functional.one_hot(torch.tensor([after]), 51) * 100.0

            return following

    model = Counting()
    model.start = 50
    codes = sample_long(
        model,  # type: ignore[arg-type]
        torch.zeros(1, 120, JOINTS, 2),
        None,
        120,
        Sampling(40),
        torch.Generator().manual_seed(0),
    )
    assert codes[0].tolist() == [i % 50 for i in range(120)]
    assert told.count(50) == 4  # every window starts with the start token, and is then told what is there


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that the command ends with."""
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    message = str(stopped.value)
    assert message.startswith("error: ")
    assert "\n" not in message
    return message


def test_what_stands_in_the_way_is_said_in_one_line(
    tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "in.mp4", claps([1.0], 5))
    (tmp_path / "text.mp4").write_text("not a video")
    nobody = write_video(tmp_path / "nobody.mp4", [(i / 10, np.zeros((64, 64, 3), np.uint8)) for i in range(50)])
    sound_alone = write_video(tmp_path / "sound.mp4", None, tone(5))
    out = tmp_path / "out.mp4"
    assert "no such file" in said(capsys, tmp_path / "none.mp4", "-o", out)
    assert "text.mp4: broken, or no media file" in said(capsys, tmp_path / "text.mp4", "-o", out)
    assert "sound.mp4: no picture in it" in said(capsys, sound_alone, "-o", out)
    assert "nobody.mp4: nobody in view; show the player's head" in said(capsys, nobody, "-o", out)
    assert "the video itself" in said(capsys, video, "-o", video)
    assert "make it first" in said(capsys, video, "-o", tmp_path / "no" / "out.mp4")
    assert "must be more than 0" in said(capsys, video, "-o", out, "--temperature", 0)
    assert "out.txt: cannot be written" in said(capsys, video, "-o", tmp_path / "out.txt")
    (tmp_path / "score.mid").write_text("no score")
    assert "score.mid: no MIDI file" in said(capsys, video, "-o", out, "--midi", tmp_path / "score.mid")


def test_what_fails_late_leaves_all_that_was_made(
    tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video, out = write_video(tmp_path / "v.mp4", claps([0.5], 2)), tmp_path / "out.mp4"
    look_at = muxing.look_at_pictures

    def fails(path: Path, wanted_s: Any, first: Any, unlike: float, until_s: float = np.inf) -> None:
        if len(wanted_s) == 40:  # not a trial of the first second
            raise FileError(path, "0 of 40 pictures can be shown")
        look_at(path, wanted_s, first, unlike, until_s)

    monkeypatch.setattr(muxing, "look_at_pictures", fails)
    message = said(capsys, video, "-o", out)
    assert (
        "out.mp4: cannot be written (0 of 40 pictures can be shown); choose a name that ends in .mp4 or .mkv" in message
    )
    assert "out.*" in message
    assert {path.name for path in tmp_path.iterdir()} == {"v.mp4", "out.wav", "out.npz", "out.png"}


def test_joined_parts_are_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [write_video(tmp_path / f"{n}.mts", blank(2), tone(2), container_format="mpegts") for n in range(2)]
    (tmp_path / "joined.mts").write_bytes(b"".join(part.read_bytes() for part in parts))
    message = said(capsys, tmp_path / "joined.mts", "-o", tmp_path / "out.mp4")
    assert "its clock starts anew after" in message
    assert "use the parts as the camera wrote them" in message


def test_a_player_plays_the_part_of_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rule of the stage `notes`; and a score of one part is that of whoever was asked for."""
    duet, solo = tmp_path / "duet.mid", tmp_path / "solo.mid"
    for path, pitches in ((duet, (72, 48)), (solo, (60,))):
        file = pretty_midi.PrettyMIDI()
        for pitch in pitches:
            file.instruments.append(pretty_midi.Instrument(40))
            file.instruments[-1].notes.append(pretty_midi.Note(64, pitch, 0.0, 1.0))
        file.write(str(path))
    played = {n: [note.pitch for note in sonify.part_of(duet, n, 2)] for n in (1, 2)}
    assert played == {1: [72], 2: [48]}
    assert [note.pitch for note in sonify.part_of(solo, 2, 2)] == [60]
    assert capsys.readouterr().out == ""
    assert [note.pitch for note in sonify.part_of(duet, 0, 1)] == [72, 48]
    assert "2 parts in it for one player, who plays them all" in capsys.readouterr().out


def test_a_score_beyond_the_video_is_refused_before_the_work(
    tmp_path: Path, followed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video, late = write_video(tmp_path / "v.mp4", claps([0.5], 2)), tmp_path / "late.mid"
    file = pretty_midi.PrettyMIDI()
    file.instruments.append(pretty_midi.Instrument(40))
    file.instruments[0].notes.append(pretty_midi.Note(64, 60, 30.0, 31.0))
    file.write(str(late))
    monkeypatch.setattr(sonify, "find", None)
    message = said(capsys, video, "-o", tmp_path / "out.mp4", "--midi", late)
    assert "late.mid: player 1 has no note in it that is in range and within the recording" in message


def test_a_model_that_is_not_there_is_named_with_the_command_that_brings_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that no model has is a slip."""
    checkout = checkout_at(tmp_path / "my checkout")
    monkeypatch.setattr(sonify, "__file__", str(checkout / "pipeline/commands/sonify.py"))
    monkeypatch.chdir(tmp_path)
    video, out = write_video(tmp_path / "in.mp4", blank(2)), tmp_path / "out.mp4"
    message = said(capsys, video, "-o", out)
    make = f"no trained model there; make it with: make -C '{checkout}' repro"
    assert f"{checkout}/models/mi_net_sync: {make}" in message
    for slip in ("mi_nte", str(tmp_path / "elsewhere")):
        message = said(capsys, video, "-o", out, "--model", slip)
        assert f"{slip}: no trained model there; name one of mi_net, mi_net_sync" in message
    weights.save(checkout / "models/mi_net_sync", small_prior(), weights.Config("mi_net_sync", "fp32", {}))
    assert f"{checkout}/models/vqvae: {make}" in said(capsys, video, "-o", out)
    monkeypatch.chdir(checkout)
    assert said(capsys, video, "-o", out) == "error: models/vqvae: no trained model there; make it with: make repro"


def test_without_a_run_the_published_models_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the parameters of their own run, whatever params.yaml says by now. A model of one's own comes first."""
    checkout, elsewhere = checkout_at(tmp_path / "checkout"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(sonify, "__file__", str(checkout / "pipeline/commands/sonify.py"))
    wide = checkout / "published/wide"
    weights.save(wide / "models/mi_net_sync", small_prior(), weights.Config("mi_net_sync", "fp32", {}))
    for current in (elsewhere, checkout):
        monkeypatch.chdir(current)
        assert sonify.home("mi_net_sync").resolve() == wide
        assert sonify.home("mi_net").resolve() == checkout
        assert sonify.home(str(wide / "models/mi_net_sync")).resolve() == checkout
    weights.save(checkout / "models/mi_net_sync", small_prior(), weights.Config("mi_net_sync", "fp32", {}))
    assert sonify.home("mi_net_sync").resolve() == checkout


def checkout_at(folder: Path) -> Path:
    """A folder with what makes it a checkout for minet."""
    (folder / "models").mkdir(parents=True)
    (folder / "params.yaml").write_text((Path(__file__).parents[1] / "params.yaml").read_text())
    return folder


def test_models_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order: in the current folder, around the code, in the folder that pip has copied the code from."""
    source, code, current = (checkout_at(tmp_path / name) for name in ("a source", "code", "current"))
    noted = f'{{"dir_info": {{}}, "url": "{source.as_uri()}"}}'

    class Installed:
        def read_text(self, name: str) -> str | None:
            return noted if name == "direct_url.json" else None

    monkeypatch.setattr(sonify.metadata, "distribution", lambda name: Installed())
    monkeypatch.setattr(sonify, "__file__", str(code / "pipeline/commands/sonify.py"))
    monkeypatch.chdir(current)
    assert sonify.home("mi_net_sync").resolve() == current
    (current / "models").rmdir()
    assert sonify.home("mi_net_sync") == code
    (code / "params.yaml").unlink()
    assert sonify.home("mi_net_sync") == source, "%20 in a URL is a blank in a path"
    for noted in ("", '{"url": "https://host/project.git", "vcs_info": {"vcs": "git"}}'):  # noqa: B007
        with pytest.raises(ParamsError, match="clone the repository, and run in it: make demo"):
            sonify.home("mi_net_sync")


def test_a_video_in_parts_has_all_its_pictures_once(tmp_path: Path, followed: None) -> None:
    """Whatever the rate: pictures at the joints of parts are neither lost nor doubled."""
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 900))
    pictures = [(float(t), np.full((64, 64, 3), 90, np.uint8)) for t in times.round(3)]
    video = write_video(tmp_path / "in.mp4", pictures)
    found = whole_video.find(video, whole_video.WHOLE, PROFILE.keypoints, max_fps=math.inf)
    whole = np.array([time_s for time_s, _ in picture_files.frames(video)])
    assert found.times == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(("fps", "looked_at"), [(60, 25), (30, 25), (29.97, 25), (25, 25), (24, 24)])
def test_more_pictures_than_rows_of_movement_are_not_looked_at(
    tmp_path: Path, followed: None, fps: float, looked_at: float
) -> None:
    """As many as the model sees, evenly; a video with no more than that loses none to the rounding of its times."""
    pictures = [(round(n / fps, 3), np.full((64, 64, 3), 90, np.uint8)) for n in range(round(20 * fps))]
    video = write_video(tmp_path / "in.mp4", pictures)
    found = whole_video.find(video, whole_video.WHOLE, PROFILE.keypoints, max_fps=25)
    assert len(found.times) == pytest.approx(20 * looked_at, abs=0 if fps <= 25 else 2)
    assert np.diff(found.times).max() < 2 / min(fps, 30) + 0.002


def test_a_phone_video_stays_upright(tmp_path: Path, followed: None) -> None:
    """Packets are copied, so what turns the picture must be, too."""
    video = write_video(tmp_path / "in.mp4", [(t, picture[:, :32]) for t, picture in claps([1.0], 3)])
    turned = tmp_path / "turned.mp4"
    with av.open(str(video)) as source, av.open(str(turned), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        stream.set_display_matrix((0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30))  # a quarter
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    run(turned, "-o", tmp_path / "out.mp4")
    for path in (turned, tmp_path / "out.mp4"):
        assert next(picture_files.frames(path))[1].shape == (32, 64, 3), path
