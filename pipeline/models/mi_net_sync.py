"""MI Net in time: it reads the movement at every step, so that the music follows the player. The paper does not have it.

It differs from `mi_net` in five ways: a movement encoder gives one vector per step; the vector also reaches the output layer;
token dropout in training makes the model rely on the movement; an auxiliary loss trains it to predict onsets from the movement;
condition dropout in training allows classifier-free guidance in sampling. docs/findings.md says what each is worth.

Shapes: B windows, T steps, W width, K codes, S = 2 * body_hidden dimensions of the movement's vector at a step.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.mi_net import ContentEncoder
from pipeline.models.protocols import Next
from pipeline.models.transformer import Cache, KeysValues, Transformer

KERNEL = 5  # frames; in the last convolution, steps


class MovementEncoder(nn.Module):
    """Residual convolutions over joints and their velocities, which are standardised first.

    Each convolution adds to what the one before has seen, so that the posture is kept beside the movement. The last one runs
    at the rate of the steps, so that its output can change from one step to the next.
    """

    def __init__(self, *, joints: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4 * joints, affine=False)
        sizes = [4 * joints, *(layers - 1) * [4 * hidden], 2 * hidden]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2) for before, after in pairwise(sizes)
        )

    def forward(self, motion: Tensor, steps: int) -> Tensor:
        """(B, frames, joints, 2) -> (B, T, S); the movement starts with the first of `steps` steps and ends with the last."""
        x = motion.flatten(2)  # (B, frames, joints * 2)
        velocity = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))
        x = self.norm(torch.cat([x, velocity], dim=-1).transpose(1, 2))  # (B, joints * 4, frames)
        *first, last = self.convolutions
        for number, convolution in enumerate(first):
            seen = F.gelu(convolution(x))
            x = x + seen if number else seen
        return last(at_steps(x, steps)).transpose(1, 2)


def at_steps(x: Tensor, steps: int) -> Tensor:
    """Values at frames (B, S, frames), linearly interpolated at the time of each step: (B, S, T)."""
    frames = x.shape[-1]
    place = (torch.arange(steps, device=x.device) * (frames / steps)).clamp(max=frames - 1)
    # A matrix product, since the gradient of indexing takes longer than a convolution.
    share = 1 - (place - torch.arange(frames, device=x.device)[:, None]).abs()  # (frames, T)
    return x @ share.clamp(min=0).to(x.dtype)


class MINetSync(nn.Module):
    """Predicts each code from the codes before it, from the movement at every step and, with content, from notes.

    Args:
        codes, notes, width: as of `MINet`.
        token_dropout: mean share of the previous codes that training replaces with the start token.
        condition_dropout: share of the windows that are trained without movement, for classifier-free guidance.
        auxiliary_loss_weight: weight of the onset loss, the error of the onset strength predicted from the movement alone.
        onset_companding: k. The target for a strength s is log(1 + k s), so that a soft note counts as well as a loud one.
        onset_scale: standard deviation of the onset strength over the training tracks, the unit of s.
    """

    def __init__(
        self,
        *,
        codes: int,
        notes: int,
        joints: int,
        body_hidden: int,
        body_layers: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
        token_dropout: float,
        condition_dropout: float,
        auxiliary_loss_weight: float,
        onset_companding: float,
        onset_scale: float,
    ) -> None:
        super().__init__()
        self.start, self.reads_notes = codes, notes > 0
        self.token_dropout, self.condition_dropout = token_dropout, condition_dropout
        self.auxiliary_loss_weight = auxiliary_loss_weight
        self.onset_companding, self.onset_scale = onset_companding, onset_scale
        state = 2 * body_hidden
        self.movement = MovementEncoder(joints=joints, hidden=body_hidden, layers=body_layers)
        self.content = (
            ContentEncoder(notes=notes, state=state, width=width, heads=heads, dropout=dropout) if notes else None
        )
        self.onset = nn.Linear(state, 1)
        self.embedding = nn.Embedding(codes + 1, width - state)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=layers, dropout=dropout, cross=notes > 0)
        self.head = nn.Linear(width + state, codes)

    def body_state(self, motion: Tensor) -> Tensor:
        """The mean over time of the movement encoder's output for movements (B, frames, joints, 2): (B, S)."""
        return self.movement(motion, motion.shape[1]).mean(1)

    def onset_strength(self, motion: Tensor, steps: int) -> Tensor:
        """Companded onset strength at each step, predicted from movements (B, frames, joints, 2) alone: (B, T)."""
        return self._onset_strength(self.movement(motion, steps))

    def _onset_strength(self, body: Tensor) -> Tensor:  # (B, T, S) -> (B, T)
        return self.onset(body)[..., 0].float()

    def memories(self, notes: Tensor | None, body: Tensor) -> list[KeysValues] | None:
        """What each block attends to, of note indices (B, T) and the movement (B, T, S); None without content."""
        if self.content is None:
            return None
        assert notes is not None, "a model with content needs notes"
        return self.transformer.memories(self.content(notes, body), torch.arange(notes.shape[1], device=body.device))

    def logits(
        self,
        before: Tensor,
        body: Tensor,
        memories: list[KeysValues] | None,
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores (B, T, K) of each code, from the codes before the T steps (B, T) and the movement at them (B, T, S).

        `first`, `memories` and `caches` are those of `Transformer.forward`.
        """
        x = self.drop(torch.cat([self.embedding(before), body], dim=-1))  # (B, T, W)
        return self.head(torch.cat([self.transformer(x, first, memories, caches), body], dim=-1))

    def nll(self, codes: Tensor, motion: Tensor, notes: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats, (B, T); arguments as of `MINet.nll`."""
        return self._nll(codes, self.movement(motion, codes.shape[1]), notes)

    def _nll(self, codes: Tensor, body: Tensor, notes: Tensor | None) -> Tensor:
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        if self.training:
            share = 2 * self.token_dropout * torch.rand(len(codes), 1, device=codes.device)
            before = before.masked_fill(torch.rand(codes.shape, device=codes.device) < share, self.start)
            body = body * (torch.rand(len(codes), 1, 1, device=codes.device) >= self.condition_dropout)
        logits = self.logits(before, body, self.memories(notes, body))
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten(), reduction="none").view(codes.shape)

    def forward(
        self, codes: Tensor, motion: Tensor, onset_strength: Tensor, notes: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The training objective: `loss` = mean of `nll` + auxiliary_loss_weight * `onset_error`, a mean squared error.

        Args:
            onset_strength: (B, T) of the recorded sound.
        """
        body = self.movement(motion, codes.shape[1])
        nll = self._nll(codes, body, notes).mean()
        target = torch.log1p(self.onset_companding * onset_strength / self.onset_scale)
        error = F.mse_loss(self._onset_strength(body), target)
        return {"loss": nll + self.auxiliary_loss_weight * error, "nll": nll, "onset_error": error}

    def begin(self, motion: Tensor, notes: Tensor | None, steps: int, context: int, guidance: float) -> Next:
        """Start sampling, as `CodeModel.begin` says.

        Classifier-free guidance g scores a code by u + g (c - u), c its score with the movement and u without (Ho and Salimans
        2022). A model that was trained without condition dropout has no u, and samples without guidance.
        """
        assert not self.training, "dropout belongs to training"
        guided = guidance != 1 and self.condition_dropout > 0
        body = self.movement(motion, steps)
        if guided:
            body = torch.cat([body, torch.zeros_like(body)])  # (2 B, T, S): with the movement, and without
            notes = None if notes is None else torch.cat([notes, notes])
        memories, caches = self.memories(notes, body), self.transformer.empty_caches(len(body), context)
        done = 0

        def following(before: Tensor) -> Tensor:
            nonlocal done
            before = torch.cat([before, before]) if guided else before
            here = body[:, done : done + before.shape[1]]
            logits = self.logits(before, here, memories, done, caches)[:, -1]
            done += before.shape[1]
            if not guided:
                return logits
            with_movement, without = logits.chunk(2)
            return without + guidance * (with_movement - without)

        return following
