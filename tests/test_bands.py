"""Are the VQ-VAEs of the comparison of bands alike in all but what is compared?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import bands
from pipeline import params
from pipeline.compute import work
from pipeline.models.vqvae import VQVAE
from pipeline.sampling import codec

SETTINGS = params.load()


def width(model: VQVAE) -> int:
    return model.decoder[0].weight.shape[0]  # type: ignore[union-attr, index, return-value]


@pytest.fixture(scope="module")
def models() -> dict[str, VQVAE]:
    return {name: make() for name, make in bands.makers(SETTINGS).items()}


def test_equal_parameters_are_equal_and_equal_width_is_wide(models: dict[str, VQVAE]) -> None:
    counts = {name: bands.parameters(model) for name, model in models.items()}
    assert list(counts) == list(bands.MODELS)
    for name in ("equal parameters", "bands at both ends"):
        assert abs(counts[name] / counts["bands"] - 1) < 0.05
    widths = {name: width(model) for name, model in models.items()}
    assert widths["bands"] == widths["equal width"] == widths["no blocks near the input"] > widths["equal parameters"]
    assert counts["no blocks near the input"] < counts["bands"] < counts["equal width"]


def test_bands_keep_to_themselves_until_a_dense_layer(models: dict[str, VQVAE]) -> None:
    """Other bins of one band change only its features; at the far end, features of one band change only its bins."""
    model = models["bands at both ends"].eval()
    first, last = model.encoder[:2], model.decoder[-2:]
    bins, channels = SETTINGS.audio.n_fft // 2, width(model)
    for layers, here, there in ((first, bins, channels), (last, channels, bins)):
        x = torch.randn(1, here, 9, generator=torch.Generator().manual_seed(1))
        changed = x.clone()
        changed[:, here // 8 : here // 4] += 1
        with torch.inference_mode():
            moved = (layers(x) != layers(changed)).any(2)[0].reshape(8, there // 8).any(1)
        assert moved.tolist() == [band == 1 for band in range(8)]
    # The dense layer after them mixes all.
    with torch.inference_mode():
        x, changed = (torch.zeros(1, bins, 9) for _ in range(2))
        changed[:, : bins // 8] = 1
        assert (model.encoder[:3](x) != model.encoder[:3](changed)).any(2).all()


def test_a_long_sound_is_encoded_as_all_at_once(models: dict[str, VQVAE], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its receptive field is told right, so that chunks do not show."""
    model = models["bands at both ends"].eval()
    model.init_codebook(torch.randn(2, 100, 1024, generator=torch.Generator().manual_seed(1)))
    sound = np.random.default_rng(1).normal(size=(90, 1024)).astype(np.float16)
    whole = codec.encode(model, sound)
    monkeypatch.setattr(codec, "CHUNK", 30)
    assert np.array_equal(codec.encode(model, sound), whole)
    assert len(set(whole.tolist())) > 1


def test_fewer_steps_still_train_the_codebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick trial that ends before the codebook begins would measure codes that are all zero."""
    monkeypatch.setattr(work, "WORK", tmp_path)
    chosen = bands.budget(SETTINGS.variants.vqvae["vqvae"], 4)
    sizes = bands.sizes(chosen, 1024) | {"channels": 16, "codes": 8}

    def draw(generator: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        return {"spectrogram": torch.from_numpy(generator.normal(size=(size, 10, 1024)).astype(np.float32))}

    model = bands.trained(lambda: VQVAE(**sizes), draw, chosen, SETTINGS, "a")
    assert model.codebook.started
    assert not model.training
    again = bands.trained(lambda: VQVAE(**sizes), draw, chosen, SETTINGS, "a")  # from its checkpoint
    assert torch.equal(again.codebook.codes, model.codebook.codes)
    assert len(list((tmp_path / "bands").iterdir())) == 1


def test_reductions_golden() -> None:
    """Against equal parameters and equal width, in the same way of the sound; a tenth less on each track is a tenth less."""
    variance = np.array([10.0, 20.0, 40.0])
    shares = {
        "bands": (0.18, 0.09),
        "equal parameters": (0.2, 0.1),
        "equal width": (0.24, 0.18),
        "no blocks near the input": (0.2, 0.2),
        "bands at both ends": (0.3, 0.3),
    }
    errors = {
        name: pd.DataFrame(
            {way: of * variance for way, of in zip(bands.WAYS, both, strict=True)} | {"variance": variance}
        )
        for name, both in shares.items()
    }
    rows = bands.table(errors, dict.fromkeys(errors, 7), SETTINGS)
    assert rows.model.tolist() == [name for name in bands.MODELS for _ in bands.WAYS]
    coded, before = rows.iloc[0], rows.iloc[1]
    assert coded.error == pytest.approx(0.18)
    assert coded[["below_equal_parameters", "below_equal_parameters_low"]].tolist() == pytest.approx([0.1, 0.1])
    assert coded.below_equal_width == pytest.approx(0.25)
    assert before.below_equal_width == pytest.approx(0.5)
    assert rows.below_equal_parameters[rows.model == "equal parameters"].tolist() == [0, 0]
