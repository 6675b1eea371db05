"""The content encoder: the notes to be played become a memory that the prior attends to (paper, section 3.3)."""

import torch
from torch import Tensor, nn

from pipeline.models.transformer import Block


class ContentEncoder(nn.Module):
    """Embedded note ⊕ h at each step → two transformer layers → linear.

    Args:
        notes: number of note indices, the rest (0) included.
        state: dimensions of h, the body's state.
    """

    def __init__(self, *, notes: int, state: int, width: int, heads: int, dropout: float, layers: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(notes, width - state)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal=False, cross=False) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, notes: Tensor, body: Tensor) -> Tensor:
        """Note indices (B, T) and what is told of the body (B, T, state) -> memory (B, T, W)."""
        x = torch.cat([self.embedding(notes), body], dim=-1)  # (B, T, W)
        x, position = self.drop(x), torch.arange(notes.shape[1], device=notes.device)
        for block in self.blocks:
            x = block(x, position)
        return self.out(self.norm(x))
