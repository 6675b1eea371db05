"""How well sounds that were played together were taken apart: SDR, SIR, SAR and SI-SDR, in dB; and pointing accuracy.

Conventions
-----------
Sounds are float arrays [players, samples]: row i of `estimated` is the estimate of row i of `reference`. No estimate is given to
another player. In BSS Eval, an estimate e is compared with its projections on what filters of `FILTER_LENGTH` samples make of the
reference of its own player (P) and of the references of all players (Q):

    SDR = |P|² / |e - P|²      signal to distortion: all that is wrong
    SIR = |P|² / |Q - P|²      signal to interference: what is heard of the others
    SAR = |Q|² / |e - Q|²      signal to artefacts: what is heard of nobody

So a filter of up to 32 ms at 16 kHz costs nothing. In SI-SDR the filter is one number: the level alone is free.

Sources: Vincent, Gribonval, Févotte, "Performance Measurement in Blind Audio Source Separation" (IEEE TASLP 2006), as in version 3
of BSS Eval and in mir_eval 0.8, whose function `separation.bss_eval_sources` goes in 0.9. Le Roux et al., "SDR - half-baked or well
done?" (ICASSP 2019).
"""

import numpy as np
import scipy.fft
import scipy.linalg

FILTER_LENGTH = 512  # samples, as in all published figures
AUDIBLE_DB = 40.0  # a step that is softer than the loudest by more does not count for the pointing


def validate(reference: np.ndarray, estimated: np.ndarray) -> None:
    """Raises:
    ValueError: the arrays have different shapes or no samples, or a reference or an estimate is silent.
    """
    if reference.ndim != 2 or reference.shape != estimated.shape or not reference.size:
        raise ValueError(f"sounds of shapes {reference.shape} and {estimated.shape}: both must be [players, samples]")
    for name, sounds in (("reference", reference), ("estimated", estimated)):
        if not sounds.any(axis=1).all():
            raise ValueError(f"a sound of `{name}` is silent, for which nothing is defined")


def bss_eval(reference: np.ndarray, estimated: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SDR, SIR and SAR of each player's estimate: float64 [players] each, dB.

    With a single player nobody can interfere: SIR is infinite.

    Raises:
        ValueError: as `validate`.
    """
    validate(reference, estimated)
    players, samples = reference.shape
    length = scipy.fft.next_fast_len(samples + FILTER_LENGTH - 1, real=True)
    of_reference = scipy.fft.rfft(reference.astype(np.float64), length)
    of_estimated = scipy.fft.rfft(estimated.astype(np.float64), length)

    # Gram matrix of all references, each delayed by 0 to FILTER_LENGTH - 1 samples, in blocks of a pair of players.
    products = np.empty((players, FILTER_LENGTH, players, FILTER_LENGTH))
    for one in range(players):
        for other in range(players):
            correlation = scipy.fft.irfft(of_reference[one] * of_reference[other].conj(), length)
            column, row = np.r_[correlation[0], correlation[-1:-FILTER_LENGTH:-1]], correlation[:FILTER_LENGTH]
            products[one, :, other] = scipy.linalg.toeplitz(column, row)

    measured = np.empty((3, players))
    with np.errstate(divide="ignore"):
        for player in range(players):
            cross = scipy.fft.irfft(of_reference.conj() * of_estimated[player], length)[:, :FILTER_LENGTH]
            own = _energy(products[player, :, player], cross[player])
            size = players * FILTER_LENGTH
            every = _energy(products.reshape(size, size), cross.reshape(-1))  # (players, filter, …) → (size, size)
            total = np.sum(np.square(estimated[player], dtype=np.float64))
            # The projections are nested and orthogonal, so energies of differences are differences of energies.
            shares = own / max(total - own, 0), own / max(every - own, 0), every / max(total - every, 0)
            measured[:, player] = 10 * np.log10(shares)
    return measured[0], measured[1], measured[2]


def si_sdr(reference: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """Scale-invariant SDR of each player's estimate: float64 [players], dB.

    Raises:
        ValueError: as `validate`.
    """
    validate(reference, estimated)
    true, made = reference.astype(np.float64), estimated.astype(np.float64)
    scale = (true * made).sum(1) / np.square(true).sum(1)
    target = scale[:, None] * true
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.square(target).sum(1) / np.square(made - target).sum(1))


def pointing(power: np.ndarray, volumes: np.ndarray, louder_db: float) -> tuple[int, int]:
    """How often the loudest cell of a map of the sound lies on the player who is heard.

    Args:
        power: float [players, steps], of each player alone.
        volumes: float [players, steps, cells], of the cells in each player's strip of the picture.
        louder_db: a step counts if one player is louder than each of the others by this.

    Returns:
        The steps in which it does, and the steps that count. By chance it does in one of as many as there are players.

    Raises:
        ValueError: the arrays do not fit each other, or there is only one player.
    """
    if power.ndim != 2 or volumes.shape[:2] != power.shape or volumes.ndim != 3 or len(power) < 2:
        raise ValueError(
            f"power of shape {power.shape} and volumes of {volumes.shape}: two players or more, same steps"
        )
    ordered = np.sort(power, axis=0)
    clear = ordered[-1] > ordered[-2] * 10 ** (louder_db / 10)
    clear &= ordered[-1] > power.max() * 10 ** (-AUDIBLE_DB / 10)
    right = volumes.max(2).argmax(0) == power.argmax(0)
    return int((right & clear).sum()), int(clear.sum())


def _energy(products: np.ndarray, cross: np.ndarray) -> np.float64:
    """Energy of the projection of a sound on others.

    Args:
        products: [delays, delays], the scalar products of the others. cross: [delays], those of the sound with the others.
    """
    try:
        weights = scipy.linalg.solve(products, cross, assume_a="sym")
    except np.linalg.LinAlgError:
        weights = np.linalg.lstsq(products, cross, rcond=None)[0]
    # Equal to cross @ weights for exact weights, but an error of the weights counts by its square alone.
    return 2 * cross @ weights - weights @ products @ weights
