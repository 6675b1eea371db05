"""pipeline/sensors: what virtual sensors read, and recordings of real ones as people have them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FileError
from pipeline.keypoints.skeleton import JOINTS, LEFT_ELBOW, LEFT_WRIST, RIGHT_ELBOW, RIGHT_WRIST
from pipeline.models.sensor_encoders import ENCODERS
from pipeline.sensors import csv_file, virtual

FPS = 25.0
REAL = Path(__file__).parents[2] / "shared" / "real" / "imu"


def arms(elbow: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    """Movement of a player both of whose forearms move alike: positions [frames, 2] in shoulder widths."""
    motion = np.zeros((len(wrist), JOINTS, 2), np.float32)
    motion[:, [RIGHT_ELBOW, LEFT_ELBOW]], motion[:, [RIGHT_WRIST, LEFT_WRIST]] = elbow[:, None], wrist[:, None]
    return motion


def read(motion: np.ndarray, smoothing_s: float = 0.04) -> np.ndarray:
    return virtual.readings(motion, FPS, shoulders_m=0.4, smoothing_s=smoothing_s)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 2 * np.pi))
def test_at_constant_velocity_a_sensor_reads_gravity_alone(x: float, y: float, angle: float) -> None:
    """However the forearm points, 9.81 m/s² upwards: y points down in a picture."""
    frames_s = np.arange(50)[:, None] / FPS
    elbow = frames_s * np.array([x, y])
    forearm = np.array([np.cos(angle), np.sin(angle)])
    middle = read(arms(elbow, elbow + forearm))[15:-15]
    up = np.array([0, -1])
    across = np.array([-forearm[1], forearm[0]])
    assert middle[:, 0] == pytest.approx(virtual.GRAVITY_M_S2 * (up @ forearm), abs=1e-2)
    assert middle[:, 1] == pytest.approx(virtual.GRAVITY_M_S2 * (up @ across), abs=1e-2)
    assert middle[:, 2] == pytest.approx(0, abs=1e-3)


def test_an_acceleration_has_its_size_in_metres() -> None:
    """1 shoulder width/s² along a level forearm, shoulders of 0.4 m: 0.4 m/s²."""
    frames_s = np.arange(60) / FPS
    elbow = np.stack([0.5 * frames_s**2, np.zeros(60)], axis=1)
    middle = read(arms(elbow, elbow + np.array([1, 0])))[15:-15]
    assert middle[:, 0] == pytest.approx(0.4, abs=1e-3)
    assert middle[:, 1] == pytest.approx(-virtual.GRAVITY_M_S2, abs=1e-3)


def test_a_turning_forearm_has_its_turn_rate() -> None:
    """Through half a turn and beyond, where the angle would jump."""
    angle = 3.0 * np.arange(80) / FPS
    wrist = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    middle = read(arms(np.zeros((80, 2)), wrist))[15:-15]
    assert middle[:, 2] == pytest.approx(3.0, rel=1e-2)


def test_turning_the_player_turns_the_axes_but_not_gravity() -> None:
    """The same movement of a forearm that points elsewhere reads the same, but for gravity."""
    generator = np.random.default_rng(0)
    path = np.cumsum(generator.normal(0, 0.02, (60, 2)), axis=0)
    forearm = np.array([1.0, 0.0])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    level, upright = read(arms(path, path + forearm)), read(arms(path @ turn.T, (path + forearm) @ turn.T))
    gravity = virtual.GRAVITY_M_S2
    assert level[:, 0] == pytest.approx(upright[:, 0] + gravity, abs=1e-3)
    assert level[:, 1] + gravity == pytest.approx(upright[:, 1], abs=1e-3)


@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_unit_and_offset_of_a_recording_say_nothing(gain: float, offset: float) -> None:
    """Files come in g, in m/s², with gravity and without."""
    readings = np.random.default_rng(1).normal(0, 1, (100, 3, 2))
    readings[:, 2, 1] = 0.3  # stands still
    standard = virtual.standardise(readings)
    assert standard == pytest.approx(virtual.standardise(gain * readings + offset), abs=1e-3)
    assert (standard[:, :2] ** 2).mean(axis=(0, 1)) == pytest.approx(1, abs=1e-3)
    assert not standard[:, 2, 1].any()


# Recordings


def wave(times_s: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * 1.5 * times_s)


def lines(times: np.ndarray, *columns: np.ndarray, separator: str = ",") -> list[str]:
    return [separator.join(f"{value:.6f}" for value in row) for row in zip(times, *columns, strict=True)]


def recorded(tmp_path: Path, text: str | list[str], rate_hz: float | None = None) -> csv_file.Recording:
    path = tmp_path / "imu.csv"
    path.write_text(text if isinstance(text, str) else "\n".join(text), encoding="utf-8")
    return csv_file.read(path, FPS, rate_hz)


def is_the_wave(found: csv_file.Recording, least: float = 0.99) -> None:
    """Its first channel is the wave, in time to a fraction of a frame."""
    expected = wave(np.arange(len(found.readings)) / FPS)
    assert np.corrcoef(found.readings[5:-5, 0, 0], expected[5:-5])[0, 1] > least


@pytest.mark.parametrize("rate_hz", [10.0, 18.7, 25.0, 31.3, 50.0, 100.0, 200.0, 1000.0])
def test_a_recording_of_any_rate_is_read_in_time(tmp_path: Path, rate_hz: float) -> None:
    times_s = np.arange(0, 6, 1 / rate_hz)
    found = recorded(tmp_path, lines(1000 + times_s, wave(times_s)))
    assert found.remarks == []
    assert found.worn.tolist() == [[True, False], [False, False], [False, False]]
    assert found.readings.shape[0] == int(times_s[-1] * FPS + 1e-6) + 1
    is_the_wave(found)


def shuffled(rows: list[str]) -> list[str]:
    return [rows[place] for place in np.random.default_rng(2).permutation(len(rows))]


TIMES = np.arange(0, 6, 0.02)
ROWS = lines(TIMES, wave(TIMES))


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (["time,acc_x", *ROWS], None),
        (["\ufefftime;acc_x", *(row.replace(",", ";").replace(".", ",") for row in ROWS)], None),
        (["time\tacc_x", *(row.replace(",", "\t").replace(".", ",") for row in ROWS)], None),
        ([row.replace(",", "   ") for row in ROWS], None),
        (["# a phone", "", *ROWS, ""], None),
        ([f"{row}," for row in ROWS], None),
        ([",".join(f'"{cell}"'.replace(".", ",") for cell in row.split(",")) for row in ROWS], None),
        (["time_ms,x", *lines(1000 * TIMES, wave(TIMES))], None),
        (["timestamp,x", *lines(1e9 * TIMES, wave(TIMES))], None),
        (lines(1000 * TIMES, wave(TIMES)), None),
        (
            ["date,x", *(f"2026-01-02T10:00:{t:09.6f},{v:.5f}" for t, v in zip(TIMES, wave(TIMES), strict=True))],
            None,
        ),
        (shuffled(ROWS), "the rows are not in the order of their times, and were sorted"),
        ([*ROWS[:50], ROWS[49], *ROWS[50:]], "1 rows without a time of their own were left out"),
        ([*ROWS[:50], "1.000001,", *ROWS[51:]], "column 2: 1 of 300 values are missing; interpolated"),
        ([*ROWS[:50], "1.000001,NaN", *ROWS[51:]], "column 2: 1 of 300 values are missing; interpolated"),
        ([*ROWS[:50], *ROWS[65:]], "no sample for 0.32 s from 0.98 s on; interpolated"),
        ([*ROWS[:50], "broken", *ROWS[50:]], "1 rows do not have 2 columns and were left out"),
    ],
)
def test_files_as_people_have_them(tmp_path: Path, text: list[str], remark: str | None) -> None:
    """Each is the same wave, and what was unusual is named."""
    found = recorded(tmp_path, text)
    assert found.remarks == ([] if remark is None else [remark])
    is_the_wave(found, 0.98)


def test_without_times_a_rate_is_asked_for(tmp_path: Path) -> None:
    text = [f"{value:.5f}" for value in wave(TIMES)]
    with pytest.raises(FileError, match="has no column of times") as error:
        recorded(tmp_path, text)
    assert error.value.advice == "name its column time, or give the samples a second with --rate"
    is_the_wave(recorded(tmp_path, text, rate_hz=50.0))
    is_the_wave(recorded(tmp_path, ["time,x", *ROWS], rate_hz=50.0))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("time,x\n", "has no samples"),
        (lines(TIMES[:20], wave(TIMES[:20])), "has 20 samples in 0.38 s"),
        (lines(np.arange(0, 60, 0.3), wave(np.arange(0, 60, 0.3))), "has 3.3 samples a second"),
        (lines(TIMES, np.ones(300)), "has no axis that changes"),
        (["time,roll", *ROWS], "has no axis that changes"),
        (lines(TIMES, *np.random.default_rng(0).normal(size=(5, 300))), "has 5 axes without names"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str | list[str], what: str) -> None:
    with pytest.raises(FileError) as error:
        recorded(tmp_path, text)
    assert error.value.what == what and error.value.advice


def test_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "imu.csv").write_bytes(bytes(range(256)))
    with pytest.raises(FileError, match="cannot be read as text"):
        csv_file.read(tmp_path / "imu.csv", FPS)


@pytest.mark.parametrize(
    ("header", "worn"),
    [
        ("t,ax,ay,az,gx,gy,gz", [[1, 0], [1, 0], [1, 0]]),
        ("t,left_acc_x,left_acc_y,left_acc_z,left_gyro_x,left_gyro_y,left_gyro_z", [[0, 1], [0, 1], [0, 1]]),
        ("time_s,R_ax,R_ay,R_gz,L_ax,L_ay,L_gz", [[1, 1], [1, 1], [1, 1]]),
        ("time,right_acc_x,mag_x,mag_y,roll,pitch,yaw", [[1, 0], [0, 0], [0, 0]]),
        (
            "time_s,right_along_m_s2,right_across_m_s2,right_turn_rate_rad_s,"
            "left_along_m_s2,left_across_m_s2,left_turn_rate_rad_s",
            [[1, 1], [1, 1], [1, 1]],
        ),
    ],
)
def test_the_header_says_what_is_worn(tmp_path: Path, header: str, worn: list[list[int]]) -> None:
    """The last is what `minet imu` writes."""
    columns = np.random.default_rng(3).normal(size=(6, 300))
    found = recorded(tmp_path, [header, *lines(TIMES, *columns)])
    assert found.worn.tolist() == np.array(worn, bool).tolist()
    assert (np.abs(found.readings).max(0) > 0).tolist() == found.worn.tolist()


def test_a_sensor_of_three_axes_may_be_mounted_in_any_way(tmp_path: Path) -> None:
    """What moves most comes first, whatever axis it is on."""
    rotation, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    strong = np.stack([wave(TIMES), 0.3 * np.cos(TIMES), 0.01 * np.sin(5 * TIMES)])
    for mounted in (strong, strong[::-1], rotation @ strong):
        found = recorded(tmp_path, lines(TIMES, *mounted))
        expected = wave(np.arange(len(found.readings)) / FPS)
        assert abs(np.corrcoef(found.readings[:, 0, 0], expected)[0, 1]) > 0.95


@pytest.mark.skipif(not REAL.is_dir(), reason="the real recordings are not here")
def test_real_recordings_are_read() -> None:
    """One axis, 18.7 a second, times that start late and jitter."""
    for path in sorted(REAL.glob("*.csv")):
        found = csv_file.read(path, FPS)
        assert found.remarks == []
        assert len(found.readings) == pytest.approx(30 * FPS, abs=FPS)
        assert found.worn.sum() == 1


# Encoders


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_hears_each_sensor(name: str) -> None:
    """One value a frame; each channel of each sensor changes it; and a window in a batch does not depend on the others."""
    torch.manual_seed(0)
    encoder = ENCODERS[name](channels=16, layers=2, dropout=0.1).eval()
    readings = torch.randn(2, 40, 3, 2)
    found = encoder(readings)
    assert found.shape == (2, 40, 16)
    assert torch.allclose(encoder(readings[:1]), found[:1], atol=1e-5)
    for channel in range(3):
        for sensor in range(2):
            other = readings.clone()
            other[:, 20, channel, sensor] += 1
            assert not torch.allclose(encoder(other)[:, 20], found[:, 20], atol=1e-4), (channel, sensor)
