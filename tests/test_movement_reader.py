"""The movement reader: when notes start, in time; and the posture, which knows no time."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.models.movement_reader import KERNEL, MovementReader, at_steps

SIZES: dict[str, Any] = {"codes": 50, "joints": 5, "width": 16, "layers": 2, "posture": 6, "dropout": 0.1}
SIZES |= {"code_loss_weight": 0.5, "onset_companding": 4.0, "onset_scale": 1.0}


def reader(**changes: float) -> MovementReader:
    """With large weights, so that a wrong step shows."""
    torch.manual_seed(0)
    model = MovementReader(**(SIZES | changes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def test_the_training_objective_is_the_formula() -> None:
    """(o - log(1 + k s / scale))^2 - w log p, in means over windows and steps; p the share of a step's code in all codes."""
    model = reader(code_loss_weight=3.0, onset_companding=7.0, onset_scale=0.4)
    codes, motion, strength = torch.randint(50, (2, 20)), torch.randn(2, 8, 5, 2), torch.rand(2, 20)
    told, posture = model.read(motion, 20)
    error = (told - torch.log(1 + 7 * strength / 0.4)).square().mean()
    share = torch.softmax(posture @ model.codes.weight.T + model.codes.bias, -1)
    nll = -torch.stack([share[i, codes[i]].log().mean() for i in range(2)]).mean()
    scalars = model(codes, motion, strength)
    torch.testing.assert_close(scalars, {"loss": error + 3 * nll, "onset_error": error, "code_nll": nll})


def test_the_losses_of_a_window_do_not_depend_on_its_neighbours() -> None:
    """A target that is scaled by its batch would: here one window is a hundred times as loud as the other."""
    model = reader()
    codes, motion = torch.randint(50, (2, 20)), torch.randn(2, 8, 5, 2)
    strength = torch.rand(2, 20) * torch.tensor([[0.1], [10.0]])
    alone = [model(codes[i : i + 1], motion[i : i + 1], strength[i : i + 1]) for i in range(2)]
    together = model(codes, motion, strength)
    for name in ("onset_error", "code_nll"):
        torch.testing.assert_close(together[name], torch.stack([each[name] for each in alone]).mean())


def test_the_posture_is_taught_which_codes_occur_and_not_when() -> None:
    """The same codes in another order are the same to it; they are not to a model over codes."""
    model = reader()
    codes, motion, strength = torch.randint(50, (3, 20)), torch.randn(3, 8, 5, 2), torch.rand(3, 20)
    other_order = torch.stack([row[torch.randperm(20)] for row in codes])
    assert not torch.equal(codes, other_order)
    torch.testing.assert_close(model(other_order, motion, strength), model(codes, motion, strength))
    other_codes = (codes + 1) % 50
    assert abs(model(other_codes, motion, strength)["code_nll"] - model(codes, motion, strength)["code_nll"]) > 1e-3


@pytest.mark.parametrize("layers", [1, 3])
def test_an_onset_is_told_from_the_movement_around_it(layers: int) -> None:
    """A frame farther than the convolutions reach changes nothing, so that players cannot be told by their whole movement."""
    model = reader(layers=layers)
    motion = torch.randn(1, 60, 5, 2, requires_grad=True)
    told, posture = model.read(motion, 60)  # a step a frame
    (gradient,) = torch.autograd.grad(told[0, 30], motion, retain_graph=True)
    touched = gradient.abs().sum((0, 2, 3)).nonzero()[:, 0]
    reach = (layers + 1) * (KERNEL // 2)
    assert touched.tolist() == list(range(30 - reach - 1, 30 + reach + 1))  # a velocity looks one frame farther back
    (gradient,) = torch.autograd.grad(posture.sum(), motion)
    assert gradient.abs().sum((0, 2, 3)).all()


def test_each_step_is_told_of_its_own_place_in_the_movement() -> None:
    """A step between two frames is told what lies between them; the last frame holds to the end."""
    told = at_steps(torch.tensor([[[0.0, 10.0, 20.0, 30.0], [3.0, 2.0, 1.0, 0.0]]]), 10)  # 0.4 frames a step
    expected = torch.tensor([0, 4, 8, 12, 16, 20, 24, 28, 30, 30.0])
    torch.testing.assert_close(told, torch.stack([expected, 3 - expected / 10])[None], rtol=1e-4, atol=1e-6)


def test_velocities_are_what_has_moved_since_the_frame_before() -> None:
    """A player who stands elsewhere moves alike: with only velocities let through, the place does not matter."""
    model = reader(layers=1)
    model.convolutions[0].weight.data[:, :10] = 0  # the first half are positions
    motion = torch.randn(2, 9, 5, 2)
    for told, moved in zip(model.read(motion, 20), model.read(motion + 5, 20), strict=True):
        torch.testing.assert_close(told, moved, rtol=0, atol=1e-4)
    assert not torch.allclose(model.read(motion, 20)[0], model.read(2 * motion, 20)[0], atol=1e-3)


def test_each_coordinate_counts_as_far_as_it_moves() -> None:
    """A finger that moves a hundredth of an elbow says as much; in evaluation mode by what training saw."""
    model, motion = reader(dropout=0.0).train(), torch.randn(8, 20, 5, 2)
    moved = motion * 10 ** torch.linspace(-1, 2, 10).view(5, 2) + torch.linspace(-3, 3, 10).view(5, 2)
    told, _ = model.read(motion, 40)
    torch.testing.assert_close(model.read(moved, 40)[0], told, rtol=0, atol=0.01)
    for _ in range(100):
        model.read(moved, 40)
    torch.testing.assert_close(model.eval().read(moved, 40)[0], told, rtol=0, atol=0.1)


def test_postures_have_mean_0_and_variance_1() -> None:
    """What posture noise is measured by, whatever training does with the weights."""
    model = reader().train()
    with torch.no_grad():
        postures = torch.cat([model.body_state(5 * torch.randn(64, 8, 5, 2) + 3) for _ in range(10)])
    torch.testing.assert_close(postures.mean(0), torch.zeros(6), rtol=0, atol=1e-3)
    torch.testing.assert_close(postures.std(0), torch.ones(6), rtol=0, atol=0.01)


def test_the_posture_is_what_is_read() -> None:
    model, motion = reader(), torch.randn(3, 8, 5, 2)
    torch.testing.assert_close(model.body_state(motion), model.read(motion, 20)[1])


def learnt(who_sounds: int = 0, code_loss_weight: float = 1.0) -> tuple[float, float]:
    """Train on toy players: a note sounds while joint 0 is at the right, and who stands higher plays other codes.

    Args:
        who_sounds: 0 for the player who is seen; otherwise that much farther on in the batch.

    Returns:
        correlation of the onset strength that is told with that of the sound, and `code_nll`, of players not seen before.
    """
    torch.manual_seed(0)
    model = MovementReader(**(SIZES | {"code_loss_weight": code_loss_weight, "dropout": 0.0}))

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        motion, high = torch.randn(16, 8, 5, 2), torch.randint(2, (16, 1))
        motion[..., 1] += 2 * high[..., None]
        strength = (motion[:, :, 0, 0] > 0).float().repeat_interleave(2, 1)  # (16, 16): two steps a frame
        codes = torch.randint(25, (16, 16)) + 25 * high
        return codes.roll(who_sounds, 0), motion, strength.roll(who_sounds, 0)

    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(80):
        loss = model(*batch())["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        codes, motion, strength = batch()
        told = model.eval().read(motion, 16)[0]
        nll = model(codes, motion, strength)["code_nll"]
    return torch.corrcoef(torch.stack([told.flatten(), strength.flatten()]))[0, 1].item(), nll.item()


def test_it_learns_when_notes_start_and_which_codes_occur() -> None:
    """And cannot learn either from somebody else's sound: there is nothing in a movement but its own music."""
    correlation, nll = learnt()
    assert correlation > 0.7
    assert nll < 3.4  # ln 25 = 3.2: half of the codes
    correlation, nll = learnt(who_sounds=1)
    assert abs(correlation) < 0.3
    assert nll > 3.8  # ln 50 = 3.9: any code


def test_without_its_loss_the_posture_learns_nothing_of_the_codes() -> None:
    """The control of the test above: the onset strength alone does not teach it."""
    correlation, nll = learnt(code_loss_weight=0.0)
    assert correlation > 0.7
    assert nll > 3.8
