"""Does the benchmark of recordings keep what is held out from training, and count attacks once?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import real_sounds
from benchmarks.bands import WAYS, sizes
from pipeline import params
from pipeline.errors import NothingLeft
from pipeline.models.vqvae import VQVAE

SETTINGS = params.load()
AUDIO = SETTINGS.audio


@given(st.integers(300, 3000))
def test_no_sample_of_what_is_held_out_is_trained_on(frames: int) -> None:
    """Frame i is made of samples around i * hop, n_fft / 2 to either side. The fifth is the last."""
    recorded = np.arange(frames)[:, None]
    first, held_out = real_sounds.parted(recorded, AUDIO)
    assert len(held_out) == frames // 5
    assert held_out[-1] == frames - 1
    last_sample = first[-1, 0] * AUDIO.hop_length + AUDIO.n_fft // 2 - 1
    assert last_sample < held_out[0, 0] * AUDIO.hop_length - AUDIO.n_fft // 2
    assert len(first) + len(held_out) > frames - 10


def test_windows_are_of_all_recordings_and_each_of_one() -> None:
    """A recording shorter than a window is left out; every window of the others comes up, none across two."""
    recordings = [np.arange(start, start + rows)[:, None] for start, rows in ((0, 12), (100, 5), (200, 10), (300, 11))]
    batch = real_sounds.windows_of(recordings, 10)(np.random.default_rng(1), 300)["spectrogram"]
    assert (batch.diff(dim=1) == 1).all()
    assert set(batch[:, 0, 0].tolist()) == {0, 1, 2, 200, 300, 301}
    with pytest.raises(NothingLeft):
        real_sounds.windows_of(recordings, 13)


def test_half_of_the_windows_are_from_either() -> None:
    one, other = ((lambda generator, size, of=of: {"spectrogram": torch.full((size, 2, 2), of)}) for of in (1.0, 2.0))
    drawn = real_sounds.half_and_half(one, other)(np.random.default_rng(1), 8)["spectrogram"]
    assert drawn.mean((1, 2)).tolist() == [1.0] * 4 + [2.0] * 4


def test_a_double_stop_is_one_onset() -> None:
    """Three strings within 30 ms are one attack, notes 32 ms apart are two, and a row of near starts does not swallow itself."""
    starts_s = np.array([1.0, 1.02, 1.0, 2.0, 2.032, 3.0, 3.02, 3.04, 3.06])
    assert real_sounds.merged(starts_s).tolist() == [1.0, 2.0, 2.032, 3.0, 3.04]
    assert not len(real_sounds.merged(starts_s[:0]))


def model() -> VQVAE:
    torch.manual_seed(0)
    chosen = SETTINGS.vqvae.model_copy(update={"channels": 16, "code_dim": 8, "codes": 4, "bands": [2]})
    return VQVAE(**sizes(chosen, AUDIO.n_fft // 2)).eval()


def test_all_is_the_ratio_of_sums() -> None:
    """A quiet recording must not count as much as a loud one."""
    generator = np.random.default_rng(1)
    held_out = {
        name: (gain * generator.normal(size=(40, 1024))).astype(np.float16) for name, gain in (("a", 1), ("b", 0.1))
    }
    table = real_sounds.errors({"studio": model()}, held_out).set_index("recording")
    assert table.index.tolist() == ["a", "b", "all"]
    for way in WAYS:
        loud, quiet, both = table[way].to_numpy(np.float64)
        assert min(loud, quiet) < both < max(loud, quiet)
        assert abs(both - loud) < abs(both - quiet)


def test_onsets_are_judged_where_there_is_an_alignment(tmp_path: Path) -> None:
    times_s, sound = np.arange(3 * AUDIO.sample_rate_hz) / AUDIO.sample_rate_hz, 0.0
    for hz, start_s in ((330, 0.5), (440, 1.25), (550, 2.0)):
        since_s = np.maximum(times_s - start_s, 0)
        sound = sound + 0.2 * np.exp(-4 * since_s) * np.sin(2 * np.pi * hz * since_s)
    for name in ("with.wav", "without.wav"):
        soundfile.write(tmp_path / name, sound, AUDIO.sample_rate_hz)
    pd.DataFrame({"start": [0.5, 0.51, 1.25, 2.0], "end": [1.0, 1.0, 2.0, 3.0]}).to_csv(tmp_path / "with.alignment.csv")
    (tmp_path / "README.md").touch()
    recordings = real_sounds.read(tmp_path, AUDIO)
    assert list(recordings) == ["with.wav", "without.wav"]
    ((name, starts, recorded, decoded),) = real_sounds.onsets(recordings, model(), SETTINGS).to_numpy().tolist()
    assert (name, starts, recorded) == ("with.wav", 3, 1.0)
    assert decoded < 1  # an untrained model decodes no notes
