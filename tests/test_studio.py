"""The embedded corpus: its layout, its music, movements that belong to the notes, players that a detector finds."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pretty_midi
import pytest
import soundfile
from hypothesis import given, strategies
from make_media import SMALL
from scipy.signal import find_peaks

from pipeline import params
from pipeline.corpus.track import true_depths, true_joints
from pipeline.errors import ParamsError
from pipeline.evaluation import degraded
from pipeline.keypoints import cleaning, skeleton
from pipeline.studio import brass, figure, motion, pieces, players, score, synthesis, timing
from pipeline.studio.instruments import BY_CODE, INSTRUMENTS, Instrument
from stages import studio

FPS, DURATION_S, SIZE_PX = 20.0, 8.0, (480, 480)
PITCHED = [instrument for instrument in INSTRUMENTS if not instrument.drums]


def _part_of(code: str, seed: int = 0, duration_s: float = DURATION_S) -> score.Part:
    return score.compose([BY_CODE[code]], duration_s, np.random.default_rng([seed, len(code), ord(code[0])]))[0]


def _perform(code: str, part: score.Part, seed: int = 0) -> tuple[motion.Performance, players.Player]:
    rng = np.random.default_rng([seed, ord(code[-1])])
    player = players.draw_player(rng)
    return motion.perform(BY_CODE[code], player, part, DURATION_S, FPS, SIZE_PX, rng), player


def _scale(pitches: list[int], seconds: float = 0.5) -> score.Part:
    """A part of equal notes without rests."""
    n = len(pitches)
    return score.Part(
        onsets_s=0.4 + seconds * np.arange(n),
        durations_s=np.full(n, 0.95 * seconds),
        pitches=np.array(pitches),
        velocities=np.full(n, 90),
        phrases=np.zeros(n, dtype=int),
        beat_s=seconds,
    )


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duo")
    pieces.make_piece(folder, 4, ("vn", "tbn"), SMALL)
    return folder


def test_a_piece_has_the_files_that_urmp_has(duo: Path) -> None:
    """Protects the layout: URMP's reader reads the studio, so every name and every column is URMP's."""
    whole, short = "05_Arioso_vn_tbn", "05_Arioso"
    kinds = [("AuSep", "wav"), ("Notes", "txt"), ("F0s", "txt"), ("Joints", "npy")]
    tracks = [f"{kind}_{track}_{short}.{end}" for kind, end in kinds for track in ("1_vn", "2_tbn")]
    expected = {f"AuMix_{whole}.wav", f"Sco_{whole}.mid", f"Vid_{whole}.mp4", *tracks}
    assert {path.name for path in duo.iterdir()} == expected
    assert pieces.piece_name(4, ("vn", "tbn")) == whole


def test_everything_in_a_piece_has_the_same_length_and_start(duo: Path) -> None:
    """Protects the alignment of picture, sound, score and truth, on which all learning rests."""
    frames = round(SMALL.duration_s * SMALL.fps)
    samples = round(SMALL.duration_s * SMALL.sample_rate_hz)
    for track in ("1_vn_05_Arioso", "2_tbn_05_Arioso"):
        sound, rate_hz = soundfile.read(duo / f"AuSep_{track}.wav", dtype="float32")
        assert sound.shape == (samples,)
        assert rate_hz == SMALL.sample_rate_hz
        joints = np.load(duo / f"Joints_{track}.npy", allow_pickle=False)
        assert joints.shape == (frames, skeleton.JOINTS, 3)
        assert joints.dtype == np.float32
        f0 = np.loadtxt(duo / f"F0s_{track}.txt", delimiter="\t")
        assert f0.shape == (round(100 * SMALL.duration_s), 2)
        notes = np.loadtxt(duo / f"Notes_{track}.txt", delimiter="\t", ndmin=2)
        assert (notes[:, 0] + notes[:, 2] <= SMALL.duration_s).all()
        for onset_s, hz, duration_s in notes:
            inside = (f0[:, 0] > onset_s + 0.005) & (f0[:, 0] < onset_s + duration_s - 0.005)
            np.testing.assert_allclose(f0[inside, 1], hz, rtol=1e-3)
    midi = pretty_midi.PrettyMIDI(str(duo / "Sco_05_Arioso_vn_tbn.mid"))
    assert [track.program for track in midi.instruments] == [BY_CODE["vn"].program, BY_CODE["tbn"].program]
    notes = np.loadtxt(duo / "Notes_2_tbn_05_Arioso.txt", delimiter="\t", ndmin=2)
    np.testing.assert_allclose([note.start for note in midi.instruments[1].notes], notes[:, 0], atol=1e-3)


def test_the_video_shows_the_players_side_by_side_where_their_joints_are(duo: Path) -> None:
    """Protects the strips: player 1 on the left, player 2 on the right, joints in px of the whole picture."""
    capture = cv2.VideoCapture(str(duo / "Vid_05_Arioso_vn_tbn.mp4"))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    assert len(pictures) == round(SMALL.duration_s * SMALL.fps)
    assert pictures[0].shape == (SMALL.player_height_px, 2 * SMALL.player_width_px, 3)
    assert capture.get(cv2.CAP_PROP_FPS) == SMALL.fps
    for number, track in enumerate(("1_vn", "2_tbn")):
        x = np.load(duo / f"Joints_{track}_05_Arioso.npy")[..., 0]
        assert number * SMALL.player_width_px < x.min()
        assert x.max() < (number + 1) * SMALL.player_width_px


def test_the_depth_of_true_joints_can_be_left_out(duo: Path, tmp_path: Path) -> None:
    """Protects corpora that were made before: their joints have no depth."""
    path, before = duo / "Joints_1_vn_05_Arioso.npy", tmp_path / "before.npy"
    joints = np.load(path)
    np.save(before, joints[..., :2])
    for each in (path, before):
        np.testing.assert_array_equal(true_joints(each), joints[..., :2])
    assert true_depths(before) is None
    depths = true_depths(path)
    assert depths is not None
    np.testing.assert_array_equal(depths, joints[..., 2])


def _cleaned(joints: np.ndarray) -> np.ndarray:
    keypoints = np.concatenate([joints, np.ones_like(joints[..., :1])], axis=2)
    return cleaning.clean(keypoints, np.arange(len(joints)) / SMALL.fps, SMALL.fps, 0.1)[0]


@pytest.mark.parametrize("code", BY_CODE)
def test_a_player_turned_by_the_depth_of_the_joints_is_the_player_who_has_turned(code: str) -> None:
    """Protects the depth: px, towards the camera. The camera of the studio is near, so the two differ a little."""
    performance, _ = pieces.solo(3, BY_CODE[code], 0, SMALL)
    assert performance.depths.dtype == np.float32
    assert performance.depths.shape == performance.joints.shape[:2]
    for degrees in (-30, 30):
        truth = _cleaned(pieces.solo(3, BY_CODE[code], degrees, SMALL)[0].joints)

        def error(by_degrees: float, truth: np.ndarray = truth) -> float:
            turned = _cleaned(degraded.turn(performance.joints, performance.depths, by_degrees))
            return float(np.linalg.norm(turned - truth, axis=-1).mean())  # shoulder widths

        assert error(degrees) < 0.15
        assert error(0) > 2 * error(degrees)
        assert error(-degrees) > 4 * error(degrees)


def test_the_same_piece_has_the_same_bytes_every_time(duo: Path, tmp_path: Path) -> None:
    """Protects reproducibility: two clones on one machine must end with one dvc.lock."""
    pieces.make_piece(tmp_path, 4, ("vn", "tbn"), SMALL)

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert digests(tmp_path) == digests(duo)


@given(strategies.integers(3, 12), strategies.integers(0, 8))
def test_every_instrument_has_its_number_of_tracks(tracks: int, ensembles: int) -> None:
    """Protects the plan: exactly so many tracks for each instrument, however many play together."""
    plan = pieces.plan(tracks, ensembles, list(BY_CODE))
    count = Counter(code for codes in plan for code in codes)
    assert count == dict.fromkeys(BY_CODE, tracks)
    assert sum(len(codes) > 1 for codes in plan) == ensembles
    assert all(2 <= len(codes) <= 4 for codes in plan[:ensembles])


def test_too_many_ensembles_are_one_clear_line() -> None:
    """Protects the user of an impossible pair of parameters: the key, its value and what is possible."""
    with pytest.raises(ParamsError, match=r"studio\.ensembles = 50: .* 2 .* at most"):
        pieces.plan(tracks_per_instrument=2, ensembles=50, codes=list(BY_CODE))


@pytest.mark.parametrize("code", BY_CODE)
def test_notes_are_playable(code: str) -> None:
    """Protects the music: one note at a time, in range, 0.15 to 1.5 s long, with rests and dynamics."""
    instrument = BY_CODE[code]
    for seed in range(4):
        part = _part_of(code, seed, duration_s=16.0)
        assert instrument.low <= part.pitches.min()
        assert part.pitches.max() <= instrument.high
        assert part.durations_s.min() >= score.SHORTEST_S
        assert part.durations_s.max() <= score.LONGEST_S
        gaps_s = part.onsets_s[1:] - (part.onsets_s + part.durations_s)[:-1]
        assert gaps_s.min() > -1e-9
        assert gaps_s.max() > 0.2
        assert np.ptp(part.velocities) > 10
        assert len(np.unique(part.pitches)) > 4
        assert part.onsets_s[0] > 0.2
        assert part.onsets_s[-1] + part.durations_s[-1] <= 16.0


def test_the_shortest_piece_has_a_note() -> None:
    """Protects the smallest profile: a part without a note would be a track without a label or a movement."""
    for seed in range(30):
        assert len(_part_of("tba", seed, duration_s=1.0).pitches) >= 1


def test_an_ensemble_shares_key_and_tempo() -> None:
    """Protects the ensembles: parts that are played together belong together."""
    for seed in range(5):
        codes = ("vn", "va", "vc", "db")
        parts = score.compose([BY_CODE[code] for code in codes], 16.0, np.random.default_rng(seed))
        assert len({part.beat_s for part in parts}) == 1
        keys = {pitch % 12 for part in parts for pitch in part.pitches.tolist()}
        assert len(keys) <= 7


@pytest.mark.parametrize("code", BY_CODE)
def test_joints_are_finite_inside_the_picture_and_never_jump(code: str) -> None:
    """Protects the truth: every joint of every instrument can be seen, and moves as fast as a person can."""
    for seed in range(3):
        joints = _perform(code, _part_of(code, seed), seed)[0].joints
        assert np.isfinite(joints).all()
        assert joints.min() > 0
        assert (joints < SIZE_PX).all()
        shoulders_px = np.linalg.norm(joints[:, skeleton.RIGHT_SHOULDER] - joints[:, skeleton.LEFT_SHOULDER], axis=-1)
        steps_px = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
        assert steps_px.max() < 0.45 * shoulders_px.mean()
        np.testing.assert_allclose(
            joints[:, skeleton.NECK],
            (joints[:, skeleton.RIGHT_SHOULDER] + joints[:, skeleton.LEFT_SHOULDER]) / 2,
            atol=2.0,
        )


@pytest.mark.parametrize("code", ["vn", "va", "vc", "db"])
def test_the_bow_turns_at_every_onset_and_nowhere_else(code: str) -> None:
    """Protects the fine timing: strokes alternate note by note, and the hand turns within a frame of the onset."""
    part = _scale([BY_CODE[code].low + 7] * 14)
    joints = _perform(code, part)[0].joints
    hand = joints[:, skeleton.RIGHT_WRIST] - joints[:, skeleton.NECK]
    centred = hand - hand.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    direction = np.sign(np.diff(along))
    turns_s = (1 + np.flatnonzero(direction[1:] != direction[:-1])) / FPS
    inner = part.onsets_s[1:]
    for onset_s in inner:
        assert np.abs(turns_s - onset_s).min() <= 1 / FPS + 1e-9
    playing = turns_s[(turns_s > part.onsets_s[0] + 1 / FPS) & (turns_s < part.onsets_s[-1] + 0.4)]
    assert len(playing) == len(inner)


def test_bow_strokes_alternate_and_stay_on_the_bow() -> None:
    """Protects the strokes themselves, for any music: joined, alternating, within the bow."""
    for seed in range(20):
        part = _part_of("vn", seed)
        strokes = timing.bow_strokes(part, 1.0, np.random.default_rng(seed))
        ways = np.diff(strokes, axis=1)[:, 0]
        assert (ways[::2] > 0.05).all()
        assert (ways[1::2] < -0.05).all()
        np.testing.assert_array_equal(strokes[1:, 0], strokes[:-1, 1])
        assert strokes.min() > 0
        assert strokes.max() < 1


@pytest.mark.parametrize("code", ["vn", "va", "vc", "db", "gt", "uk", "bg"])
def test_higher_notes_bring_the_left_hand_nearer(code: str) -> None:
    """Protects the pitch in the movement: the left hand goes up the fingerboard steadily as the pitch rises."""
    instrument = BY_CODE[code]
    pitches = np.linspace(instrument.low, instrument.high, 14).round().astype(int).tolist()
    part = _scale(pitches)
    joints = _perform(code, part)[0].joints
    middles = np.round((part.onsets_s + 0.1) * FPS).astype(int)
    hand = (joints[:, skeleton.LEFT_HAND].mean(axis=1) - joints[:, skeleton.NECK])[middles]
    way = hand[-1] - hand[0]
    along = hand @ way / np.linalg.norm(way)
    assert np.linalg.norm(way) > 15
    assert (np.diff(along) > -2.0).all()
    assert np.corrcoef(along, pitches)[0, 1] > 0.97


def test_the_slide_follows_the_pitch() -> None:
    """Protects the trombone: the hand is as far out as the slide's position for the note, and is there at the onset."""
    pitches = [53, 52, 51, 50, 49, 48, 47, 53, 47, 53, 48, 52, 49, 51]
    part = _scale(pitches)
    joints = _perform("tbn", part)[0].joints
    out = brass.slide_cm(brass.below_open(part.pitches, 34))
    assert out[0] == 0
    assert (np.diff(out[:7]) > 0).all()
    at_onsets = np.ceil(part.onsets_s * FPS).astype(int)
    hand_px = (joints[:, skeleton.RIGHT_WRIST] - joints[:, skeleton.NECK])[at_onsets]
    line_px = hand_px @ np.linalg.svd(hand_px - hand_px.mean(axis=0))[2][0]
    assert abs(np.corrcoef(line_px, out)[0, 1]) > 0.95


@pytest.mark.parametrize("code", ["fl", "ob", "cl", "bn", "sax", "tpt", "hn", "tba"])
def test_fingers_move_for_another_note_only(code: str) -> None:
    """Protects keys and valves: the hand's shape changes at the onset of another note, not between."""
    low = BY_CODE[code].low + 5
    part = _scale([low, low + 1, low, low + 1, low + 1, low + 1, low])
    joints = _perform(code, part)[0].joints.astype(float)
    hands = []
    for hand in (skeleton.LEFT_HAND, skeleton.RIGHT_HAND):
        points = joints[:, hand] - joints[:, hand][:, :1]
        # The hand's own shape, whatever the arm does: distances between the wrist and the fingertips.
        hands.append(np.linalg.norm(points[:, [8, 12, 16, 20]], axis=-1))
    shape = np.concatenate(hands, axis=1)
    at = np.round((part.onsets_s + 0.2) * FPS).astype(int)
    changes = np.abs(np.diff(shape[at], axis=0)).max(axis=1)
    assert changes[[0, 1, 2, 5]].min() > 2.5 * changes[[3, 4]].max()


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_the_sound_starts_with_the_score(instrument: Instrument) -> None:
    """Protects the timing of the sound: after a rest, a note is heard within 15 ms of its onset, in tune, unclipped."""
    rate_hz, middle = 16000, (instrument.low + instrument.high) // 2
    onsets_s = np.array([0.5, 2.5, 4.5])
    part = score.Part(
        onsets_s, np.full(3, 0.6), np.array([middle, middle + 2, middle - 3]), np.full(3, 100), np.arange(3), 0.5
    )
    sound = synthesis.synthesise(instrument, part, 6.0, rate_hz, np.random.default_rng(3))
    assert sound.shape == (6 * rate_hz,)
    assert np.abs(sound).max() < 1
    level_db = 20 * np.log10(np.sqrt(np.mean(sound[np.abs(sound) > 1e-3] ** 2)))
    assert -24 < level_db < -13
    for onset_s in onsets_s:
        start = round(onset_s * rate_hz)
        note = np.abs(sound[start - rate_hz // 5 : start + rate_hz // 2])
        first_s = np.argmax(note > 0.05 * note.max()) / rate_hz - 0.2
        # The flute's samples start with breath alone.
        assert -0.001 <= first_s <= (0.030 if instrument.code == "fl" else 0.015)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_every_note_of_the_range_sounds(instrument: Instrument) -> None:
    """Protects against holes in the SoundFont, which has some: no note that is shown may be silent."""
    rate_hz, pitches = 16000, np.arange(instrument.low, instrument.high + 1)
    onsets_s = 0.4 * np.arange(len(pitches))
    n = len(pitches)
    part = score.Part(onsets_s, np.full(n, 0.3), pitches, np.full(n, 80), np.zeros(n, dtype=int), 0.4)
    sound = synthesis.synthesise(instrument, part, 0.4 * n, rate_hz, np.random.default_rng(3))
    loudness = np.sqrt((sound.reshape(n, -1)[:, : rate_hz // 4] ** 2).mean(axis=1))
    # A hi-hat is a quiet part of a drum kit.
    assert loudness.min() > (0.1 if instrument.drums else 0.15) * np.median(loudness)


def test_no_two_players_are_alike() -> None:
    """Protects the split: players of the test tracks were never seen in training, nor was their music."""
    looks = set()
    music = set()
    for index in range(78):
        part = score.compose([BY_CODE["vn"]], 8.0, np.random.default_rng([1, index]))[0]
        player = players.draw_player(np.random.default_rng([1, index, 0]))
        looks.add((player.shoulder_cm, player.forearm_cm, player.yaw, player.skin, player.shirt))
        music.add(tuple(part.pitches.tolist()))
    assert len(looks) == 78
    assert len(music) == 78


def test_the_near_pairs_are_near() -> None:
    """Protects the difficulty: the mean pose of a viola player is nearer to a violin player's than to anyone else's."""

    def mean_pose(code: str) -> np.ndarray:
        poses = []
        for seed in range(4):
            joints = _perform(code, _part_of(code, seed), seed)[0].joints
            shoulders_px = np.linalg.norm(joints[:, 1] - joints[:, 24], axis=-1).mean()
            poses.append((joints.mean(axis=0) - joints[:, 0].mean(axis=0)) / shoulders_px)
        return np.mean(poses, axis=0)

    poses = {code: mean_pose(code) for code in BY_CODE}
    for code, twin in (("va", "vn"), ("cl", "ob")):
        distances = {other: np.abs(poses[code] - poses[other]).mean() for other in poses if other != code}
        assert min(distances, key=distances.__getitem__) == twin


def test_a_detector_finds_the_players() -> None:
    """Protects the drawing: MediaPipe must take the figures for people, or there is nothing to learn from."""
    mediapipe = pytest.importorskip("mediapipe")
    right, left = (12, 14, 16), (11, 13, 15)  # shoulder, elbow, wrist in MediaPipe's numbering
    errors, hands = [], []
    with mediapipe.solutions.holistic.Holistic(model_complexity=1) as holistic:
        for code in ("cl", "vc", "hn"):
            performance, player = _perform(code, _part_of(code))
            holistic.reset()
            for frame, picture in enumerate(figure.draw(performance, player, SIZE_PX)):
                if frame == 8:
                    break
                found = holistic.process(np.ascontiguousarray(picture[..., ::-1]))
                assert found.pose_landmarks is not None
                points = np.array([(mark.x, mark.y) for mark in found.pose_landmarks.landmark]) * SIZE_PX
                truth = performance.joints[frame, [1, 2, 3, 24, 25, 26]]
                away_px = np.linalg.norm(points[[*right, *left]] - truth, axis=1)
                errors += (away_px / np.linalg.norm(truth[0] - truth[3])).tolist()
                hands += [found.left_hand_landmarks is not None, found.right_hand_landmarks is not None]
    assert np.mean(np.array(errors) < 0.2) >= 0.9
    assert np.mean(hands) >= 0.8


def test_another_corpus_leaves_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users of their own videos: no time is spent on the studio, and DVC still finds its output."""
    profile = Path("params.yaml").read_text(encoding="utf-8").replace("name: studio", "name: folder")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(profile, encoding="utf-8")
    studio.main()
    assert list(Path("data/raw/studio").iterdir()) == []
    assert "folder" in capsys.readouterr().out


def test_a_killed_run_goes_on_and_takes_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects long work: a finished piece is not made again, and an unfinished one is not taken up."""
    monkeypatch.setattr(studio.work, "WORK", tmp_path)
    settings = params.load()
    made = []

    def make_piece(folder: Path, index: int, *rest: object) -> None:
        made.append(index)
        (folder / "file").write_text("ha", encoding="utf-8")
        if len(made) == 1:
            raise RuntimeError("killed")
        (folder / "file").write_text("whole", encoding="utf-8")

    monkeypatch.setattr(pieces, "make_piece", make_piece)
    with pytest.raises(RuntimeError, match="killed"):
        studio._make(0, ("vn",), settings)
    folder = studio._make(0, ("vn",), settings)
    assert (folder / "file").read_text(encoding="utf-8") == "whole"
    assert studio._make(0, ("vn",), settings) == folder
    assert made == [0, 0]


@pytest.mark.parametrize("instrument", PITCHED, ids=lambda instrument: instrument.name)
def test_every_instrument_sounds_the_written_pitch(instrument: Instrument) -> None:
    """The loud partials of a note are multiples of its pitch, to a third of a semitone; SoundFont players differ in this."""
    instrument = replace(instrument, chord=())
    for key in np.linspace(instrument.low, instrument.high, 6).astype(int):
        one = np.array([key])
        part = score.Part(np.array([0.0]), np.array([1.5]), one, np.array([90]), np.array([0]), beat_s=0.5)
        sound = synthesis.synthesise(instrument, part, 1.5, 16000, np.random.default_rng(0))[3200:20000]
        assert np.abs(sound).max() > 0.01, key
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
        hz = np.arange(len(spectrum)) * 16000 / (4 * len(sound))
        pitch_hz = 440 * 2 ** ((key - 69) / 12)
        peaks, _ = find_peaks(spectrum, height=0.1 * spectrum.max(), distance=max(int(0.6 * pitch_hz / hz[1]), 1))
        partials = hz[peaks] / pitch_hz
        assert (np.abs(partials / np.maximum(partials.round(), 1) - 1) < 0.02).all(), (key, partials)
        # An octave lower, its odd partials would be missing: of two that follow each other one is odd.
        assert (partials.round() % 2 == 1).any(), (key, partials)
