"""How often people chose something, and how much that would change with other people.

Conventions
-----------
Each participant gives several answers, and the answers of one participant resemble each other: some people hear better than
others. So answers must not be treated as independent. An interval needs at least two participants.

Metrics
-------
* :func:`interval`: Wilson's interval of sum(chosen) / sum(asked), with the effective number of answers and Student's t quantile
  for (participants - 1) degrees of freedom. The effective number is the number of answers divided by the design effect, which is
  the variance of the share between participants over the variance that independent answers would have. A design effect below 1
  is raised to 1.

The usual alternative is a bootstrap over participants. It fails in the cases that matter here: if nobody was fooled, every draw
is 0 and the interval has no width, and with few participants the interval is too narrow.

Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (JASA 1927). For clustered answers,
with the effective size and Student's quantile: Korn and Graubard, "Confidence Intervals for Proportions with Small Expected
Number of Positive Counts Estimated from Survey Data" (Survey Methodology 1998); Franco, Little, Louis and Slud, "Comparative
Study of Confidence Intervals for Proportions in Complex Sample Surveys" (Journal of Survey Statistics and Methodology 2019).
"""

import numpy as np
from scipy import stats


def validate(chosen: np.ndarray, asked: np.ndarray, confidence: float) -> None:
    """Raise ValueError unless both are integers [participants], with 2 or more of them, 0 <= chosen <= asked and asked >= 1."""
    if chosen.ndim != 1 or chosen.shape != asked.shape:
        raise ValueError(f"counts of shapes {chosen.shape} and {asked.shape} are not of the same participants")
    if len(chosen) < 2:
        raise ValueError("one participant says nothing of the spread over participants")
    if chosen.dtype.kind not in "iu" or asked.dtype.kind not in "iu":
        raise ValueError("counts must be whole numbers")
    if (asked < 1).any() or (chosen < 0).any() or (chosen > asked).any():
        raise ValueError("each participant must have been asked, and have chosen no more often than that")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}: must be between 0 and 1")


def interval(chosen: np.ndarray, asked: np.ndarray, confidence: float) -> tuple[float, float]:
    """Interval of sum(chosen) / sum(asked).

    Args:
        chosen, asked: int [participants]: how often each participant chose it, and how often each was asked.
        confidence: 0..1.

    Returns:
        The lower and the upper bound, 0..1.

    Raises:
        ValueError: see `validate`.
    """
    validate(chosen, asked, confidence)
    participants, answers = len(chosen), int(asked.sum())
    share = chosen.sum() / answers
    effective = float(answers)
    if 0 < share < 1:
        between = participants / (participants - 1) * ((chosen - share * asked) ** 2).sum() / answers**2
        effective /= max(1.0, between / (share * (1 - share) / answers))
    quantile = stats.t.ppf((1 + confidence) / 2, participants - 1)
    weight = quantile**2 / effective
    middle = (share + weight / 2) / (1 + weight)
    half = quantile / (1 + weight) * np.sqrt(share * (1 - share) / effective + weight / (4 * effective))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
