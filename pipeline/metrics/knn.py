"""KNN accuracy: does the body encoder's state identify the instrument?

Conventions
-----------
Each row is one window of movement. A test row is assigned the instrument of its nearest training row (K = 1, cosine distance).

Metrics
-------
* :func:`predict`: the instrument predicted for each test row.
* :func:`accuracy`: share of test rows with the right instrument.

Source: the paper, section 4.
"""

from collections.abc import Sequence

import numpy as np


def validate(train: np.ndarray, train_labels: Sequence[str], test: np.ndarray) -> None:
    """Raise ValueError unless all rows are finite and not zero, and every training row has a label."""
    if len(train) != len(train_labels):
        raise ValueError(f"{len(train)} training rows with {len(train_labels)} labels")
    if not len(train) or not len(test) or train.shape[1:] != test.shape[1:]:
        raise ValueError(f"rows of shapes {train.shape} and {test.shape} cannot be compared")
    for rows in (train, test):
        if not np.isfinite(rows).all() or not np.linalg.norm(rows, axis=1).all():
            raise ValueError("a row is zero or not finite, so it has no cosine distance")


def predict(train: np.ndarray, train_labels: Sequence[str], test: np.ndarray) -> list[str]:
    """The label of the nearest training row for each test row: train [n, d], test [m, d] → m labels."""
    validate(train, train_labels, test)
    unit_train = train / np.linalg.norm(train, axis=1, keepdims=True)
    unit_test = test / np.linalg.norm(test, axis=1, keepdims=True)
    return [train_labels[i] for i in (unit_test @ unit_train.T).argmax(1)]


def accuracy(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of equal labels, 0..1."""
    if len(labels) != len(predicted) or not len(labels):
        raise ValueError(
            f"{len(labels)} labels and {len(predicted)} predictions: as many, and at least one, are needed"
        )
    return float(np.mean([a == b for a, b in zip(labels, predicted, strict=True)]))
