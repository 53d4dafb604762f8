"""The camera against golden vectors of diffusers and of the official rules."""

from __future__ import annotations

import pytest
import torch

from flythrough.camera import intrinsics as lens
from flythrough.camera.keys import parse_keys
from flythrough.camera.pose import relative_to_first
from flythrough.camera.rays import plucker, ray_matrices, raymap
from tests.vectors import Case, assert_matches, cases


@pytest.mark.parametrize("case", cases("camera"))
def test_conditioning_matches_the_peer(case: Case) -> None:
    stride, rows, columns = case.config["stride"]
    height, width = case.config["height"] // rows, case.config["width"] // columns
    c2w = relative_to_first(case.inputs["c2w"].double())
    k = lens.scaled(case.inputs["intrinsics"].double(), 1 / rows, 1 / columns)

    camera = raymap(c2w, k, stride)

    assert_matches(camera, case, "camera")
    assert_matches(plucker(c2w, k, height, width, stride), case, "pluecker")
    assert_matches(ray_matrices(camera, height, width)[0], case, "ray_matrices")


@pytest.mark.parametrize("case", cases("crop"))
def test_crop_matches_the_peer(case: Case) -> None:
    rows, columns = case.inputs["size"].tolist()

    crop = lens.centre_crop((int(rows), int(columns)), case.config["height"], case.config["width"])

    assert_matches(torch.tensor(crop.resized), case, "resized")
    assert_matches(torch.tensor(crop.offset), case, "offset")
    assert_matches(crop.intrinsics(case.inputs["intrinsics"].double()), case, "intrinsics")


@pytest.mark.parametrize("case", cases("keys"))
def test_keys_match_the_peer(case: Case) -> None:
    assert_matches(parse_keys(case.config["text"], case.config["keys"]), case, "c2w")
