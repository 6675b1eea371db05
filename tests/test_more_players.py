"""More players of the studio: others than the corpus has, with other music, seen as a detector sees them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline import params
from pipeline.audio import spectrogram
from pipeline.compute import determinism
from pipeline.corpus.track import true_joints
from pipeline.dataset.shards import Shards
from pipeline.keypoints.cleaning import clean
from pipeline.keypoints.skeleton import JOINTS, LEFT_HAND, LEFT_WRIST
from pipeline.studio import pieces
from pipeline.studio.instruments import BY_CODE
from stages import more_players

PROFILES = Path(__file__).parent.parent / "profiles"
SETTINGS = params.load(PROFILES / "smoke.yaml")
STUDIO = SETTINGS.studio
AT_ONCE = np.eye(1, 8).repeat(JOINTS, axis=0)  # the response of a detector that follows at once


def found(truth: np.ndarray) -> np.ndarray:
    """What a detector gives that finds all joints where they are."""
    return np.concatenate([truth, np.ones_like(truth[..., :1])], axis=2)


def example(code: str, index: int = 0) -> more_players.Example:
    """Somebody of the corpus, and what a detector found that never sees the left hand."""
    truth = pieces.solo(index, BY_CODE[code], 0, STUDIO)[0].joints
    detected = found(truth)
    detected[:, LEFT_HAND.start + 1 : LEFT_HAND.stop] = 0
    return truth, detected


@pytest.mark.parametrize("code", ["vn", "tbn"])
def test_a_solo_is_that_of_the_corpus(code: str, tmp_path: Path) -> None:
    """Whoever plays alone in a piece plays the same without pictures, to the last bit, every time."""
    performance, sound = pieces.solo(7, BY_CODE[code], 0, STUDIO)
    again, same_sound = pieces.solo(7, BY_CODE[code], 0, STUDIO)
    assert again.joints.tobytes() == performance.joints.tobytes()
    assert again.depths.tobytes() == performance.depths.tobytes()
    assert same_sound.tobytes() == sound.tobytes()
    pieces.make_piece(tmp_path, 7, (code,), STUDIO)
    (joints,), (recorded,) = tmp_path.glob("Joints_*.npy"), tmp_path.glob("AuSep_*.wav")
    np.testing.assert_array_equal(true_joints(joints), performance.joints)
    np.testing.assert_allclose(soundfile.read(recorded)[0], sound, atol=2**-14)


def test_who_is_turned_plays_the_same_music_and_looks_otherwise() -> None:
    """And another piece is of somebody else, who plays something else."""
    (ahead, music), (turned, same_music), (_, other_music) = (
        pieces.solo(index, BY_CODE["cl"], degrees, STUDIO) for index, degrees in ((7, 0), (7, 20), (8, 0))
    )
    assert music.tobytes() == same_music.tobytes()
    assert not np.allclose(music, other_music, atol=1e-3)
    ahead_motion, turned_motion = (
        clean(found(each.joints), np.arange(len(each.joints)) / STUDIO.fps, 25, 0.1)[0] for each in (ahead, turned)
    )
    assert np.abs(ahead_motion - turned_motion).mean() > 0.05  # shoulder widths


@pytest.mark.parametrize("profile", ["demo", "smoke", "paper", "solos", "wide"])
def test_nobody_of_the_corpus_is_among_them(profile: str) -> None:
    """Test players and their music must stay unseen: pieces are drawn by their numbers."""
    studio = params.load(PROFILES / f"{profile}.yaml").studio
    assert len(pieces.plan(studio.tracks_per_instrument, studio.ensembles, studio.instruments)) < more_players.FIRST


def test_every_second_player_is_turned_and_examples_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrument that nobody plays in the training tracks has no noise to give, and no players."""
    examples = {"violin": [example("vn", index) for index in range(3)], "tuba": [example("tba")]}
    monkeypatch.setattr(more_players, "_examples", lambda: examples)
    more = SETTINGS.more_players.model_copy(update={"per_instrument": 40})
    calls = list(more_players._calls(SETTINGS.model_copy(update={"more_players": more})))
    assert len({index for index, *_ in calls}) == len(calls) == 80
    assert min(index for index, *_ in calls) >= more_players.FIRST
    for instrument in (BY_CODE["vn"], BY_CODE["tba"]):
        here = [call for call in calls if call[1] == instrument.code]
        turned = np.array([degrees for _, _, degrees, *_ in here])
        assert not turned[::2].any()
        assert turned[1::2].all()
        assert np.abs(turned).max() <= more.turned_degrees
        assert turned.min() < -0.5 * more.turned_degrees < 0.5 * more.turned_degrees < turned.max()
        for number, (_, _, _, _, truth, detected, _, _) in enumerate(here):
            known = examples[instrument.name]
            assert truth is known[number // 2 % len(known)][0]
            assert detected is known[number // 2 % len(known)][1]


def test_a_player_is_seen_with_the_errors_of_the_example_and_heard_as_recorded() -> None:
    """The movement goes through `cleaning` like any other; the spectrogram is that of the same music."""
    truth, detected = example("vn")
    movement, recorded = more_players.play(10_007, "vn", 20.0, AT_ONCE, truth, detected, 3, SETTINGS)
    performance, sound = pieces.solo(10_007, BY_CODE["vn"], 20.0, STUDIO)
    seen = found(performance.joints)
    seen[:, LEFT_HAND.start + 1 : LEFT_HAND.stop] = 0
    expected, _ = clean(seen, np.arange(len(seen)) / STUDIO.fps, SETTINGS.motion.fps, SETTINGS.motion.min_confidence)
    assert movement.dtype == np.float32
    np.testing.assert_allclose(movement, expected, atol=1e-3)
    assert (movement[:, LEFT_HAND] == movement[:, [LEFT_WRIST]]).all()
    assert STUDIO.sample_rate_hz == SETTINGS.audio.sample_rate_hz  # nothing to resample
    np.testing.assert_array_equal(recorded, spectrogram.log_spectrogram(sound, SETTINGS.audio))
    assert len(recorded) / SETTINGS.audio.fps == pytest.approx(STUDIO.duration_s, abs=0.1)
    assert len(movement) / SETTINGS.motion.fps == pytest.approx(STUDIO.duration_s, abs=1.1 / STUDIO.fps)


@pytest.mark.parametrize(("corpus", "expected"), [("studio", 2 * len(STUDIO.instruments)), ("folder", 0)])
def test_what_is_written_is_there_for_the_trainings(
    corpus: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Movement and sound under one name for each player; for any other corpus two empty sets, and no track is looked for."""
    text = (PROFILES / "smoke.yaml").read_text(encoding="utf-8").replace("name: studio", f"name: {corpus}")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(determinism, "backend", lambda chosen: "sequential")  # what is patched is patched here alone
    if corpus == "studio":
        examples = {BY_CODE[code].name: [example(code)] for code in STUDIO.instruments}
        monkeypatch.setattr(more_players, "_examples", lambda: examples)
    more_players.main()
    motion, sound = (Shards(f"data/more_players/{kind}") for kind in ("motion", "spectrograms"))
    names = list(motion.index.index)
    assert names == list(sound.index.index)
    assert len(set(names)) == len(names) == expected
    assert {name.split("_")[1] for name in names} == (set(STUDIO.instruments) if names else set())
    for name in names:
        assert motion.rows("motion", name).shape == (motion.length(name), JOINTS, 2)
        assert sound.rows("spectrogram", name).shape == (sound.length(name), SETTINGS.audio.n_fft // 2)
