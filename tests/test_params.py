"""A parameter that cannot be used is reported in one clear line, before any work is done."""

import re
from pathlib import Path

import pytest

from pipeline import params
from pipeline.errors import ParamsError
from pipeline.models.vqvae import VQVAE

ROOT = Path(__file__).parent.parent
DEMO = (ROOT / "profiles" / "demo.yaml").read_text()


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in DEMO
    path = tmp_path / "params.yaml"
    path.write_text(DEMO.replace(old, new, 1))
    return path


@pytest.mark.parametrize("profile", ["demo", "smoke", "paper", "solos", "wide"])
def test_profiles_are_whole_and_valid(profile: str) -> None:
    params.load(ROOT / "profiles" / f"{profile}.yaml")


def test_paper_profile_has_the_papers_numbers() -> None:
    """The numbers that the paper states."""
    p = params.load(ROOT / "profiles" / "paper.yaml")
    assert (p.vqvae.channels, p.vqvae.code_dim, p.vqvae.codes) == (512, 64, 1024)
    assert (p.prior.layers, p.prior.width, p.prior.heads) == (2, 128, 8)
    assert (p.prior.body_layers, p.prior.body_hidden, p.motion.fps) == (3, 32, 25)
    assert (p.audio.sample_rate_hz, p.audio.n_fft, p.audio.hop_length, p.windows.duration_s) == (16000, 2048, 256, 4)
    assert (p.generate.samples, p.evaluate.ndb_cells, p.evaluate.ndb_significance) == (1600, 50, 0.05)


def test_solos_profile_is_the_papers_but_for_the_corpus_and_its_split() -> None:
    """The paper has one system for both corpora, so a number that changes in one profile must change in the other."""
    paper, solos = ((ROOT / "profiles" / f"{name}.yaml").read_text().splitlines() for name in ("paper", "solos"))
    differ = [line.split(":")[0].strip() for line, other in zip(solos, paper, strict=True) if line != other]
    assert differ == [solos[0].split(":")[0], "name", "root", "test_share"]
    assert params.load(ROOT / "profiles" / "solos.yaml").split.test_share == 0.1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  heads: 4", "  haeds: 4", "prior.haeds = 4: unknown key; allowed here: "),
        ("  heads: 4", "  heads: 3", "prior.heads = 3: must divide prior.width = 128"),
        ("  heads: 4", "  heads: 4.5", "prior.heads = 4.5: must be a whole number"),
        ("  heads: 4", "  heads: true", "prior.heads = True: must be a whole number"),
        ("  heads: 4", "  #", "prior.heads: missing"),
        (
            "    learning_rate: 3e-3",
            "    learning_rate: -1e-3",
            "vqvae.training.learning_rate = -0.001: must be more than 0",
        ),
        ("    learning_rate: 3e-3", "    learning_rate: .nan", "vqvae.training.learning_rate = nan: must be a number"),
        ("  detector: mediapipe", "  detector: mediapip", "keypoints.detector = 'mediapip': must be one of mediapipe"),
        ("detected_share: 0.33", "detected_share: 1.4", "keypoints.detected_share = 1.4: must be from 0 to 1"),
        (
            "net_resolution: -1x368",
            "net_resolution: -1x360",
            "keypoints.openpose.net_resolution = '-1x360': must be width x height in multiples of 16",
        ),
        ("net_resolution: -1x368", "net_resolution: -1x-1", "keypoints.openpose.net_resolution = '-1x-1': must be"),
        ("net_resolution: -1x368", "net_resolution: 368", "keypoints.openpose.net_resolution = 368: must be text"),
        ("people_max: -1", "people_max: 0", "keypoints.openpose.number_people_max = 0: must be -1 or 1 or more"),
        ("  n_fft: 2048", "  n_fft: 2000", "audio.n_fft = 2000: must be a power of two, 64 or more"),
        ("  - 8", "  - 3", "vqvae.bands = [3, 4, 2, 2]: each must divide vqvae.channels = 256"),
        ("  - 8", "  - eight", "vqvae.bands[0] = 'eight': must be a whole number"),
        ("  heads: 4", "  heads: 128", "prior.heads = 128: prior.width / prior.heads must be even"),
        (
            "  codebook_after: 100",
            "  codebook_after: 1400",
            "vqvae.codebook_after = 1400: must be less than vqvae.training.steps",
        ),
        ("  ndb_cells: 50", "  ndb_cells: 5000", "evaluate.ndb_cells = 5000: must not exceed"),
        ("  duration_s: 4", "  duration_s: 0.01", "windows.duration_s = 0.01: a window must hold"),
        ("seed: 1", "sead: 1", "sead = 1: unknown key"),
        ("seed: 1", "seed: [1", "not YAML"),
        ("\ncorpus:", "\ncorpus: here", "not YAML"),
        ("      channels: 196", "      chanels: 196", "variants.vqvae.vqvae_plain.chanels = 196: unknown key"),
        (
            "      channels: 196",
            "      channels: many",
            "variants.vqvae.vqvae_plain.channels = 'many': must be a whole",
        ),
        (
            "      network: gru_seq2seq",
            "      network: lstm",
            "variants.prior.gru_content.network = 'lstm': must be one of mi_net, mi_net_sync, gru_seq2seq",
        ),
        (
            "      network: gru_seq2seq # a GRU in place of the transformer\n      content: true",
            "      network: gru_seq2seq\n      content: false",
            "variants.prior.gru_content.content = false: must be true, since gru_seq2seq reads notes",
        ),
        (
            "      network: gru_seq2seq",
            "      condition_dropout: 0.1\n      network: gru_seq2seq",
            "variants.prior.gru_content.condition_dropout = 0.1: must be 0, since only mi_net_sync has it",
        ),
        (
            "  token_dropout: 0",
            "  token_dropout: 0.5",
            "variants.prior.mi_net.token_dropout = 0.5: must be 0, since only mi_net_sync has it",
        ),
        ("  token_dropout: 0", "  token_dropout: 0.6", "prior.token_dropout = 0.6: must be from 0 to 0.5"),
        (
            "  posture_noise: 0 #",
            "  posture_noise: 0.3 #",
            "variants.prior.mi_net.posture_noise = 0.3: must be 0, since only mi_net_sync has it",
        ),
        ("  share: 0.5", "  share: 1", "more_players.share = 1: must be from 0 to below 1"),
        ("  per_instrument: 60", "  per_instrument: -1", "more_players.per_instrument = -1: must be 0 or more"),
        ("  size: 1.2 ", "  size: 0.9 ", "variation.size = 0.9: must be 1 or more"),
        ("  narrowest: 0.8", "  narrowest: 0", "variation.narrowest = 0: must be above 0, at most 1"),
        (
            "  noise_correlation: 0.8",
            "  noise_correlation: 1",
            "variation.noise_correlation = 1: must be from 0 to below",
        ),
        ("  lost_hand: 0.1", "  lost_hand: 1.3", "variation.lost_hand = 1.3: must be from 0 to 1"),
        ("    lost_hand: 0.3", "    lost_hand: 1.3", "reader.variation.lost_hand = 1.3: must be from 0 to 1"),
        ("    lost_hand: 0.3", "    lowest_fps: 30", "reader.variation.lowest_fps = 30.0: must not exceed motion.fps"),
        ("  lowest_fps: 12", "  lowest_fps: 30", "variation.lowest_fps = 30.0: must not exceed motion.fps = 25.0"),
        ("  onset_companding: 16", "  onset_companding: 0", "reader.onset_companding = 0: must be more than 0"),
        ("  posture: 32", "  posture: 0", "reader.posture = 0: must be 1 or more"),
        ("    mi_net: #", "    mi_net:\n    other: #", "variants.prior.mi_net = None: must be a section with keys"),
        ("  precision: fp32", "  precision: fp16", "compute.precision = 'fp16': must be one of fp32, bf16"),
        ("    learning_rate: 3e-3", "    learning_rate: true", "vqvae.training.learning_rate = True: must be a number"),
        ("  model: mi_net_sync", "  model: mi_net_content", "degrade.model = 'mi_net_content': must be a variant"),
        ("  beside: mi_net", "  beside: gru_content", "degrade.beside = 'gru_content': must be a variant"),
        ("  size: # factors", "  size: 1 # factors", "not YAML"),
        (
            "  player_order: {}",
            "  player_order: 3",
            "corpus.player_order = 3: must be a section with a list by each name",
        ),
        ("  player_order: {}", "  player_order: {1: [a]}", "corpus.player_order.1[0] = 'a': must be a whole number"),
        ("  player_order: {}", "  player_order: {1: [1], b: [1]}", "must be named by numbers alone or by text alone"),
        ("  - va", "  - viola", "studio.instruments[1] = 'viola': must be one of vn, va, vc, db, fl, ob, cl, bn, sax,"),
        ("  - va", "  - vn", "must be two instruments or more, none of them twice"),
        ("  turned_degrees: 0", "  turned_degrees: 90", "studio.turned_degrees = 90: must be from 0 to 60"),
        ("  left_handed: 0", "  left_handed: 2", "studio.left_handed = 2: must be from 0 to 1"),
        ("  test_share: 0.12", "  test_share: 1", "split.test_share = 1: must be from 0 to below 1"),
        ("  choose_share: 0", "  choose_share: 1", "split.choose_share = 1: must be from 0 to below 1"),
        ("  music_share: 0.8", "  music_share: 1", "more_players.music_share = 1: must be from 0 to below 1"),
        ("  own_past: 0.5", "  own_past: 1.5", "baseline.own_past = 1.5: must be from 0 to 1"),
        (
            "        mirrored: 0.1",
            "        mirrored: 2",
            "variants.prior.mi_net_sync.variation.mirrored = 2: must be from 0 to 1",
        ),
        ("  content: false", "  content: maybe", "prior.content = 'maybe': must be true or false"),
        (
            "  lowest_midi: 21",
            "  lowest_midi: 109",
            "notes.lowest_midi = 109: must not exceed notes.highest_midi = 108",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ParamsError) as error:
        params.load(path)
    message = str(error.value)
    assert said in message
    assert message.startswith(str(path))
    assert "\n" not in message


@pytest.mark.parametrize("profile", ["demo", "smoke", "paper", "solos", "wide"])
def test_a_variant_is_its_base_but_for_what_it_names(profile: str) -> None:
    p = params.load(ROOT / "profiles" / f"{profile}.yaml")
    assert p.variants.vqvae["vqvae"] == p.vqvae
    assert p.variants.prior["mi_net"] == p.prior
    content = p.variants.prior["mi_net_content"]
    assert content == p.prior.model_copy(update={"content": True})
    assert p.variants.prior["gru_content"] == content.model_copy(update={"network": "gru_seq2seq"})


@pytest.mark.parametrize("profile", ["demo", "smoke", "paper", "solos", "wide"])
def test_the_comparisons_are_fair(profile: str) -> None:
    """All of the paper's systems that make music have one budget. Both VQ-VAEs have as many parameters, within 5 %."""
    p = params.load(ROOT / "profiles" / f"{profile}.yaml")
    priors = [prior for name, prior in p.variants.prior.items() if "sync" not in name]
    models = [*priors, *p.variants.baseline.values()]
    assert all(prior.network != "mi_net_sync" for prior in priors)
    assert all(model.training == p.prior.training for model in models)
    sizes = ("body_hidden", "body_layers", "layers", "width", "heads", "dropout")
    assert all(getattr(model, size) == getattr(p.prior, size) for model in models for size in sizes)
    counts = []
    for vqvae in p.variants.vqvae.values():
        assert vqvae.training == p.vqvae.training
        config = vqvae.model_dump(exclude={"training", "codebook_after"})
        counts.append(sum(each.numel() for each in VQVAE(bins=p.audio.n_fft // 2, **config).parameters()))
    assert max(counts) / min(counts) < 1.05


def test_a_variant_may_change_one_value_of_its_budget(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "    mi_net_content: #",
        "    mi_net_long:\n      training:\n        steps: 777\n    mi_net_content: #",
    )
    p = params.load(path)
    assert p.variants.prior["mi_net_long"].training == p.prior.training.model_copy(update={"steps": 777})


def test_a_variant_that_is_not_there_is_named() -> None:
    p = params.load(ROOT / "profiles" / "demo.yaml")
    with pytest.raises(ParamsError, match=r"no variant 'mi_nett'.*mi_net, mi_net_sync, .*gru_content"):
        params.variant(p.variants.prior, "mi_nett")


def test_yaml_1_2_numbers(tmp_path: Path) -> None:
    """DVC reads and writes YAML 1.2, in which 1e-4 is a number."""
    path = changed(tmp_path, "learning_rate: 3e-3", "learning_rate: 1e-4")
    assert params.load(path).vqvae.training.learning_rate == 1e-4


@pytest.mark.parametrize("profile", ["demo", "smoke", "paper", "solos", "wide"])
def test_every_value_is_explained(profile: str) -> None:
    """A comment beside each value says what it is and which value the paper has."""
    for line in (ROOT / "profiles" / f"{profile}.yaml").read_text().splitlines():
        if re.match(r"\s*\w+: \S", line):
            assert "#" in line, line


def test_who_sits_where_is_for_numbered_players(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = DEMO.replace("  player_order: {}", "  player_order: {15: [2, 1]}")
    path.write_text(text)
    assert params.load(path).corpus.player_order == {"15": [2, 1]}
    path.write_text(text.replace("  name: studio", "  name: folder"))
    with pytest.raises(ParamsError, match=r"player_order = .*: must be \{\}, since corpus.name = folder"):
        params.load(path)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="make profile"):
        params.load(tmp_path / "params.yaml")


def test_what_follows_from_parameters_is_the_formula() -> None:
    """No stage depends on params.py, so a changed formula would make no stage run again. This test fails instead."""
    p = params.load(ROOT / "profiles" / "paper.yaml")
    assert p.audio.fps == 62.5  # 16000 / 256
    assert p.notes.indices == 89  # 21 to 108 and the rest
