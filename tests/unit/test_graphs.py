"""A stream whose steps are recorded answers as the model does, in every flight that shares them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from flythrough.model.state import StreamState
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.graphs import Steps
from flythrough.tensors import tensors_in, with_tensors
from tests.unit.test_transformer import TINY, inputs, randomised

SIGMAS = torch.tensor([1.0, 0.8, 0.4, 0.0])


def test_nested_values_take_other_tensors_in_the_same_order() -> None:
    a, b, c = torch.zeros(1), torch.ones(2), torch.ones(3)
    state = StreamState([], window=2, sink=True)
    nested = (a, [b, None, (c, 5)], "text", state)
    assert [len(tensor) for tensor in tensors_in(nested)] == [1, 2, 3]
    other = with_tensors(nested, iter([c, b, a]))
    assert [len(tensor) for tensor in tensors_in(other)] == [3, 2, 1]
    assert other[2:] == ("text", state)
    assert other[1][1:] == [None, (a, 5)]


@pytest.mark.gpu
@pytest.mark.parametrize("casting", [False, True])
def test_recorded_steps_are_the_models_own_bit_for_bit(casting: bool) -> None:
    """Two flights in turns, a fork, and another prompt under way; both share one set of recordings."""
    device, chunk = torch.device("cuda"), TINY.chunk
    model = randomised(replace(TINY, window=2, sink=True)).to(device)
    steps, ends = Steps(model), {}
    for name, ask in (("plain", model), ("recorded", steps)):
        torch.manual_seed(1)
        states = [model.new_state(), model.new_state()]
        made = []
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=casting):
            for number in range(10):
                for flight, state in enumerate(states):
                    latents, _, cond = inputs(chunk)
                    told = replace(
                        cond,
                        **{key: value.to(device) for key, value in vars(cond).items()},
                    )
                    if number == 6 and flight == 0:  # it is told something else
                        state.embedded.clear()
                        for layer in state.layers:
                            layer.text = None
                    noise = torch.randn_like(latents).to(device)
                    first = noise[:, :, :1] if number == 0 else None
                    made.append(sample_chunk(ask, noise, told, state, SIGMAS, first))
                if number == 7:
                    states.append(
                        replace(
                            states[0],
                            layers=[replace(layer) for layer in states[0].layers],
                            held=list(states[0].held),
                            embedded=dict(states[0].embedded),
                        )
                    )
        ends[name] = made, [list(tensors_in(state.layers)) for state in states]
    assert steps._recorded, "nothing was recorded"
    for one, other in zip(ends["plain"][0], ends["recorded"][0], strict=True):
        assert torch.equal(one, other)
    for one, other in zip(ends["plain"][1], ends["recorded"][1], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
