"""What sampling and evaluation need of a model that makes music.

Shapes: B windows, T steps, K codes, F frequency bins, S dimensions of the body's state. A movement `motion` is
float32 (B, frames, joints, 2) and lasts as long as its steps.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

# Scores (B, K) of the code that follows the given ones (B, T). A call goes on from where the last one ended: T may be more than
# 1 in the first call only.
Next = Callable[[Tensor], Tensor]


class CodeModel(Protocol):
    """A model over codes: `mi_net`, `mi_net_sync`, `gru_seq2seq`."""

    @property
    def start(self) -> int:
        """The start token, K: it stands before the first code."""

    @property
    def reads_notes(self) -> bool:
        """Whether the model needs `notes`, int64 (B, T): one note index per step."""

    def body_state(self, motion: Tensor) -> Tensor:
        """One vector for each movement, (B, S), used to tell players apart."""

    def onset_strength(self, motion: Tensor, steps: int) -> Tensor | None:
        """Onset strength at each step, predicted from the movement alone: (B, T). None if the model does not predict it."""

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code (B, T) given those before it, in nats: (B, T)."""

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling `steps` codes for each movement.

        Args:
            context: steps that a transformer looks back.
            guidance: scale of classifier-free guidance; 1 is none.
        """


class SpectrogramModel(Protocol):
    """A model that writes a log-spectrogram: `rnn_seq2seq`, `graph_transformer`."""

    def body_state(self, motion: Tensor) -> Tensor:
        """One vector for each movement, (B, S), used to tell players apart."""

    def error(self, spectrogram: Tensor, motion: Tensor) -> Tensor:
        """Mean squared error of each frame (B, T) of log-spectrograms (B, T, F), given the recorded frames before it."""

    def generate(self, motion: Tensor, frames: int) -> Tensor:
        """Log-spectrograms (B, frames, F), each frame from the frames generated before it."""
