"""The event transformer: from a movement to the tokens of its notes, as Foley Music does, and in time.

Foley Music (Gan et al. 2020, arXiv 2007.10984, section 3.3): an ST-GCN over the joints makes a memory, and a transformer decoder
with causal self-attention and cross-attention to the memory writes MIDI events. Its memory has no positions: what a token attends
to can depend on what moves, not on when.

With `timed`, the model knows what time it is. Each token comes with its clock, the time that the tokens before it have reached.
Cross-attention is rotary in time: a head can attend to the movement at the clock, or so much later. And each token is told what
the movement shows around its clock and over the next second, as `mi_net_sync` is told at each step of a code.

With `key`, each token is also told how often each pitch class occurs in the window, as Foley Music's "control" tells it. It is left
out in a share of the windows in training, so that it can be left out.

Shapes: B windows, T tokens, W width, C channels, M frames of movement, S of them in the memory, V joints. The last three tokens of
the vocabulary are start, end and padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.graph_transformer import STGCN
from pipeline.models.sensor_encoders import ENCODERS
from pipeline.models.transformer import Angles, Block, Cache, KeysValues, Transformer, rotary_angles

KERNEL = 5  # frames that a convolution sees
UNIT_S = 0.04  # s: the unit of rotary times, a frame of movement at 25 frames/s; a head can tell some neighbours apart
BEHIND_S, AHEAD_S = 0.2, 1.2  # what a token is told of: the longest time shift is 1.17 s
TOLD = 32  # channels of what a token is told
CLASSES = 12  # pitch classes


class Convolutions(nn.Module):
    """Residual convolutions over joints and their velocities, which are standardised first, as the movement reader's."""

    def __init__(self, *, joints: int, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4 * joints, affine=False)
        sizes = [4 * joints, *layers * [channels]]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2) for before, after in pairwise(sizes)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, motion: Tensor) -> Tensor:  # (B, M, V, 2) -> (B, M, C)
        x = motion.flatten(2)  # (B, M, V * 2)
        velocity = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))
        x = self.norm(torch.cat([x, velocity], dim=-1).transpose(1, 2))  # (B, V * 4, M)
        for number, convolution in enumerate(self.convolutions):
            seen = self.drop(F.gelu(convolution(x)))
            x = x + seen if number else seen
        return x.transpose(1, 2)


class Graph(nn.Module):
    """The ST-GCN, and the mean over the joints."""

    def __init__(self, *, joints: int, edges: Sequence[Sequence[int]], channels: int, layers: int) -> None:
        super().__init__()
        self.body = STGCN(joints=joints, edges=edges, channels=channels, layers=layers)

    def forward(self, motion: Tensor) -> Tensor:  # (B, M, V, 2) -> (B, M / 2 rounded up, C)
        return self.body(motion).mean(3).transpose(1, 2)


@dataclass(frozen=True)
class Movement:
    """What the tokens of some windows read of their movement.

    Attributes:
        memories: what each block attends to.
        told: (B, M, W) what a token is told whose clock is at a frame; None for a model that is not timed.
        onsets: (B, M) the logit of an onset at each frame; None likewise.
        key: (B, 1, W) what each token is told of the key; None if the model knows none.
    """

    memories: list[KeysValues]
    told: Tensor | None = None
    onsets: Tensor | None = None
    key: Tensor | None = None


class EventTransformer(nn.Module):
    """Predicts each token from the tokens before it and the movement.

    Args:
        tokens: size of the vocabulary.
        code: what the tokens mean, the arguments of `notes.events.Code`; the model only keeps it.
        edges: (parent, child) pairs of joints, the parent nearer to the neck.
        fps: rate of the movement.
        encoder: what reads the movement: st_gcn, convolutions, or one of `sensor_encoders.ENCODERS` for worn sensors. A sensor's
            channels stand where joints stand: its movement is (B, M, 3, 2).
        timed: whether the model knows each token's clock.
        token_dropout: mean share of the tokens before that training replaces with the start token.
        condition_dropout: share of the windows that are trained without movement.
        onset_loss_weight: weight of the loss that teaches the encoder where onsets are; only if timed.
        temperature: at which it is sampled; the model only keeps it.
        key: whether each token is told of the key, by the histogram of the pitch classes of its window.
        key_dropout: share of the windows that are trained without it.
    """

    def __init__(
        self,
        *,
        tokens: int,
        code: dict[str, Any],
        joints: int,
        edges: Sequence[Sequence[int]],
        fps: float,
        encoder: str,
        timed: bool,
        channels: int,
        encoder_layers: int,
        layers: int,
        width: int,
        heads: int,
        dropout: float,
        token_dropout: float,
        condition_dropout: float,
        onset_loss_weight: float,
        temperature: float,
        key: bool = False,  # models that were trained before there were keys
        key_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.code, self.temperature, self.fps, self.timed = code, temperature, fps, timed
        self.start, self.padding = tokens - 3, tokens - 1
        self.token_dropout, self.condition_dropout = token_dropout, condition_dropout
        self.onset_loss_weight = onset_loss_weight
        self.body: nn.Module
        if encoder == "st_gcn":
            self.body = Graph(joints=joints, edges=edges, channels=channels, layers=encoder_layers)
        elif encoder in ENCODERS:
            self.body = ENCODERS[encoder](channels=channels, layers=encoder_layers, dropout=dropout)
        else:
            assert encoder == "convolutions", encoder
            self.body = Convolutions(joints=joints, channels=channels, layers=encoder_layers, dropout=dropout)
        self.memory = nn.Linear(channels, width)
        self.embedding = nn.Embedding(tokens, width)
        self.drop = nn.Dropout(dropout)
        self.transformer = Transformer(width=width, heads=heads, layers=layers, dropout=dropout, cross=True)
        self.head = nn.Linear(width * (1 + timed), tokens)
        self.key, self.key_dropout = (nn.Linear(CLASSES, width, bias=False) if key else None), key_dropout
        if timed:
            self.onset = nn.Linear(channels, 1)
            self.told = nn.Linear(channels, TOLD)
            self.behind, self.ahead = round(BEHIND_S * fps), round(AHEAD_S * fps)
            self.around = nn.Conv1d(TOLD, width, self.behind + 1 + self.ahead)

    def body_state(self, motion: Tensor) -> Tensor:
        """Mean and mean deviation over time of what the encoder makes of movements (B, M, V, 2): (B, 2 * channels)."""
        x = self.body(motion)
        mean = x.mean(1)
        return torch.cat([mean, (x - mean[:, None]).abs().mean(1)], dim=1)

    def movement(self, motion: Tensor, seen: Tensor | None = None, key: Tensor | None = None) -> Movement:
        """What the tokens read of movements (B, M, V, 2).

        Args:
            seen: (B,) 1 for a window whose movement is seen, 0 for one that is made without; by default all are seen.
            key: (B, 12) the share of each pitch class in the notes, all 0 if it is unknown; for a model that knows keys.
        """
        x = self.body(motion)  # (B, S, C)
        keep = x.new_ones(len(x), 1, 1) if seen is None else seen.to(x.dtype)[:, None, None]
        duration_s = motion.shape[1] / self.fps
        frames_s = torch.arange(x.shape[1], device=x.device) * (duration_s / x.shape[1])
        memory = self.memory(x) * keep
        memories = self.transformer.memories(memory, frames_s * self.timed / UNIT_S)
        # Scaled so that an even share is 1, since the tokens' embeddings are of that size.
        told_key = None if self.key is None or key is None else self.key(CLASSES * key)[:, None]
        if not self.timed:
            return Movement(memories, key=told_key)
        told = self.around(F.pad(self.told(x).transpose(1, 2), (self.behind, self.ahead)))  # (B, W, S)
        return Movement(memories, told.transpose(1, 2) * keep, self.onset(x)[..., 0], told_key)

    def logits(
        self,
        before: Tensor,
        clock_s: Tensor,
        movement: Movement,
        first: int = 0,
        caches: list[Cache] | None = None,
    ) -> Tensor:
        """Scores (B, T, tokens) of each token.

        Args:
            before: (B, T) the token before each of T tokens, the start token before the first.
            clock_s: (B, T) the time that all tokens before it have reached.
            movement: made by `self.movement`.
            first: number of the first of the T tokens.
            caches: hold the tokens before `first`; then T = 1, unless `first` is 0.
        """
        x = self.embedding(before)  # (B, T, W)
        told = None
        if movement.told is not None:
            told = at_times(movement.told, clock_s * self.fps)
            x = x + told
        if movement.key is not None:
            x = x + movement.key
        x = self.drop(x)
        size = self.transformer.width // self.transformer.heads
        index = rotary_angles(torch.arange(first, first + x.shape[1], device=x.device), size)
        clock = angles_of_clocks(clock_s * self.timed / UNIT_S, size)
        causal = caches is None or x.shape[1] > 1
        for number, module in enumerate(self.transformer.blocks):
            block = cast(Block, module)
            assert block.cross_attention is not None
            # As `Block.forward`, whose cross-attention has the positions of its self-attention.
            normed = block.self_norm(x)
            source = block.self_attention.keys_values(normed, index)
            if caches is not None:
                source = caches[number].write(first, *source)
            x = x + block.drop(block.self_attention(normed, index, source, causal))
            x = x + block.drop(block.cross_attention(block.cross_norm(x), clock, movement.memories[number]))
            x = x + block.drop(block.feed(block.feed_norm(x)))
        x = self.transformer.norm(x)
        return self.head(x if told is None else torch.cat([x, told], dim=-1))

    def nll(
        self,
        tokens: Tensor,
        clock_s: Tensor,
        motion: Tensor,
        seen: Tensor | None = None,
        key: Tensor | None = None,
    ) -> Tensor:
        """Negative log-likelihood of each token in nats, (B, T); 0 for padding.

        Args:
            tokens: (B, T); clock_s: (B, T) the time that the tokens before each have reached; motion: (B, M, V, 2).
            seen, key: as of `movement`.
        """
        return self._nll(tokens, clock_s, self.movement(motion, seen, key))

    def _nll(self, tokens: Tensor, clock_s: Tensor, movement: Movement) -> Tensor:
        before = F.pad(tokens[:, :-1], (1, 0), value=self.start)
        if self.training:
            share = 2 * self.token_dropout * torch.rand(len(tokens), 1, device=tokens.device)
            before = before.masked_fill(torch.rand(tokens.shape, device=tokens.device) < share, self.start)
        logits = self.logits(before, clock_s, movement).transpose(1, 2).float()
        return F.cross_entropy(logits, tokens, ignore_index=self.padding, reduction="none")

    def forward(
        self, tokens: Tensor, clock_s: Tensor, motion: Tensor, onsets: Tensor, key: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The training objective: `loss` = `nll`, the mean over the tokens, + onset_loss_weight * `onset_loss`.

        Args:
            tokens, clock_s, motion, key: as of `nll`.
            onsets: (B, M) from 0 to 1, how near an onset is to each frame of movement.
        """
        seen = torch.rand(len(tokens), device=tokens.device) >= self.condition_dropout
        if key is not None:
            key = key * (torch.rand(len(key), 1, device=key.device) >= self.key_dropout)
        movement = self.movement(motion, seen, key)
        nll = self._nll(tokens, clock_s, movement).sum() / (tokens != self.padding).sum()
        if movement.onsets is None:
            return {"loss": nll, "nll": nll}
        onset_loss = F.binary_cross_entropy_with_logits(movement.onsets.float(), onsets)
        return {"loss": nll + self.onset_loss_weight * onset_loss, "nll": nll, "onset_loss": onset_loss}


def angles_of_clocks(position: Tensor, size: int) -> Angles:
    """The rotary angles of heads of `size` dimensions at positions (B, T): cosine and sine, each (B, 1, T, size / 2)."""
    cos, sin = rotary_angles(position.flatten(), size)
    shape = (len(position), 1, position.shape[1], size // 2)
    return cos.view(shape), sin.view(shape)


def at_times(x: Tensor, place: Tensor) -> Tensor:
    """Values at frames (B, M, W), linearly interpolated at places (B, T) in frames, the last one held: (B, T, W)."""
    frames = x.shape[1]
    away = place.clamp(0, frames - 1)[..., None] - torch.arange(frames, device=x.device)  # (B, T, M)
    # A matrix product, since the gradient of indexing takes longer than a convolution.
    return (1 - away.abs()).clamp(min=0).to(x.dtype) @ x
