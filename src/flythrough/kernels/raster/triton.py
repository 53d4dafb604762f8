"""The rasteriser and the shading of worlds as two Triton kernels; reference.py and worlds/render.py define them."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.raster.reference import FAR_BITS, NEAR, cut, nothing


def visible(triangles: Tensor, w2c: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """As reference.visible."""
    spans = cut(triangles, w2c, intrinsics, height, width)
    packed = nothing(len(w2c), height, width, triangles.device)
    if count := len(spans.start):
        _fill_kernel[(triton.cdiv(count, 32),)](
            packed, spans.start, spans.first, spans.count, spans.plane, spans.number, count,
            NEAREST=1 / NEAR, SPANS=32, COLUMNS=16,
        )  # fmt: skip
    return packed


@triton.jit(do_not_specialize=["spans"])  # it changes with every call
def _fill_kernel(
    packed, start, first, count, plane, number, spans,
    NEAREST: tl.constexpr, SPANS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    span = tl.program_id(0).to(tl.int64) * SPANS + tl.arange(0, SPANS)
    here = span < spans
    row, left = tl.load(start + span, mask=here, other=0), tl.load(first + span, mask=here, other=0)
    wide = tl.load(count + span, mask=here, other=0)
    slope, value = (
        tl.load(plane + 2 * span, mask=here, other=0.0),
        tl.load(plane + 2 * span + 1, mask=here, other=1.0),
    )
    triangle = tl.load(number + span, mask=here, other=0)
    for begin in range(0, tl.max(wide, axis=0), COLUMNS):
        offset = begin + tl.arange(0, COLUMNS)
        inside = offset[None, :] < wide[:, None]
        x = left[:, None] + offset[None, :]
        inverse = tl.maximum(slope[:, None] * (x.to(tl.float32) + 0.5) + value[:, None], 1e-7)
        depth = (1.0 / inverse).to(tl.int32, bitcast=True).to(tl.int64)
        entry = (depth << 32) | triangle[:, None]
        tl.atomic_min(packed + row[:, None] + x, entry, mask=inside & (inverse <= NEAREST), sem="relaxed")


def shade(
    packed: Tensor,
    mirrored: Tensor | None,
    cameras: Tensor,
    facets: Tensor,
    kinds: Tensor,
    light: Tensor,
    maps: tuple[Tensor | None, Tensor, Tensor],
    height: int,
    width: int,
    supersample: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Colour, depth and label of every pixel.

    packed, mirrored (F, H s, W s) int64 from `visible`; cameras (F, 16) float32: rotation c2w (9), position (3),
    fx fy cx cy in samples; facets (N, 12) float32: sun, ambient, emission, normal; kinds (N, 2) uint8: material,
    label; light (64,) float32 as worlds/render.py packs it; maps: the sun's depth map or None, hemmed, height.
    Returns rgb (F, height, width, 3) uint8, depth (F, height, width) float32, label uint8.
    """
    frames, device = len(cameras), packed.device
    rgb = torch.empty(frames, height, width, 3, dtype=torch.uint8, device=device)
    depth = torch.empty(frames, height, width, device=device)
    label = torch.empty(frames, height, width, dtype=torch.uint8, device=device)
    shadow, hemmed, ground = maps
    pixels = frames * height * width
    _shade_kernel[(triton.cdiv(pixels, 128),)](
        packed,
        packed if mirrored is None else mirrored,
        cameras,
        facets,
        kinds,
        light,
        hemmed if shadow is None else shadow,
        hemmed,
        ground,
        rgb,
        depth,
        label,
        pixels,
        height,
        width,
        0 if shadow is None else len(shadow),
        len(hemmed),
        SHADOW=shadow is not None,
        WATER=mirrored is not None,
        SUPERSAMPLE=supersample,
        FAR=FAR_BITS,
        BLOCK=128,
        num_warps=4,
    )
    return rgb, depth, label


@triton.jit
def _sky(light, x, y, z):
    up = -y
    rise = tl.minimum(tl.maximum(up / 0.28, 0.0), 1.0)
    rise = rise * rise * (3 - 2 * rise)
    high = tl.minimum(tl.maximum((up - 0.1) / 0.6, 0.0), 1.0)
    towards = x * tl.load(light) + y * tl.load(light + 1) + z * tl.load(light + 2)
    towards = tl.minimum(tl.maximum(towards, -1.0), 1.0)
    ahead = tl.maximum(towards, 0.0)
    a4 = ahead * ahead * ahead * ahead
    a8 = a4 * a4
    glow = 0.12 * a8 * a8 * a8 + 0.04 * a4
    radius = tl.load(light + 3)
    disc = (1.08 * radius - tl.sqrt(2 - 2 * towards)) / (0.16 * radius)
    disc = tl.minimum(tl.maximum(disc, 0.0), 1.0)
    r = _sky_channel(light, 0, rise, high, glow, disc)
    g = _sky_channel(light, 1, rise, high, glow, disc)
    b = _sky_channel(light, 2, rise, high, glow, disc)
    return r, g, b


@triton.jit
def _sky_channel(light, channel: tl.constexpr, rise, high, glow, disc):
    low = tl.load(light + 4 + channel)
    color = low + (tl.load(light + 7 + channel) - low) * rise
    color = color + (tl.load(light + 10 + channel) - color) * high
    sun = tl.load(light + 13 + channel)
    color = color + sun * glow
    return color + (sun - color) * disc


@triton.jit
def _fog(light, r, g, b, x, y, z, distance):
    y = tl.minimum(tl.maximum(y, -0.06), -0.02)
    scale = 1 / tl.maximum(tl.sqrt(x * x + y * y + z * z), 1e-12)
    fr, fg, fb = _sky(light, x * scale, y * scale, z * scale)
    share = 1 - tl.exp(-tl.load(light + 16) * distance)
    r = r + (0.5 * (fr + tl.load(light + 17)) - r) * share
    g = g + (0.5 * (fg + tl.load(light + 18)) - g) * share
    b = b + (0.5 * (fb + tl.load(light + 19)) - b) * share
    return r, g, b


@triton.jit
def _lit(facets, light, shadow, hemmed, ground, number, x, y, z, here, size, plan, SHADOW: tl.constexpr):
    facet = facets + number * 12
    # how hemmed in the ground is, bilinear over the plan, border repeated
    u = tl.minimum(tl.maximum((x - tl.load(light + 40)) / tl.load(light + 42) - 0.5, 0.0), plan - 1.0)
    v = tl.minimum(tl.maximum((z - tl.load(light + 41)) / tl.load(light + 42) - 0.5, 0.0), plan - 1.0)
    u0, v0 = tl.floor(u), tl.floor(v)
    fu, fv = u - u0, v - v0
    c0, r0 = u0.to(tl.int32), v0.to(tl.int32)
    c1, r1 = tl.minimum(c0 + 1, plan - 1), tl.minimum(r0 + 1, plan - 1)
    w00, w01, w10, w11 = (1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv
    p00, p01, p10, p11 = r0 * plan + c0, r0 * plan + c1, r1 * plan + c0, r1 * plan + c1
    around = w00 * tl.load(hemmed + p00, mask=here, other=0.0) + w01 * tl.load(
        hemmed + p01, mask=here, other=0.0
    )
    around += w10 * tl.load(hemmed + p10, mask=here, other=0.0) + w11 * tl.load(
        hemmed + p11, mask=here, other=0.0
    )
    floor = w00 * tl.load(ground + p00, mask=here, other=0.0) + w01 * tl.load(
        ground + p01, mask=here, other=0.0
    )
    floor += w10 * tl.load(ground + p10, mask=here, other=0.0) + w11 * tl.load(
        ground + p11, mask=here, other=0.0
    )
    free = 1 - 0.55 * around * tl.exp(-0.8 * tl.maximum(-y - floor, 0.0))
    sun = 0.5 + 0.5 * free
    if SHADOW:
        texel = tl.load(light + 39)
        lift = 0.8 * texel
        px = x + lift * tl.load(facet + 9, mask=here, other=0.0)
        py = y + lift * tl.load(facet + 10, mask=here, other=0.0)
        pz = z + lift * tl.load(facet + 11, mask=here, other=0.0)
        a = px * tl.load(light + 28) + py * tl.load(light + 29) + pz * tl.load(light + 30)
        b = px * tl.load(light + 31) + py * tl.load(light + 32) + pz * tl.load(light + 33)
        limit = (
            px * tl.load(light + 34)
            + py * tl.load(light + 35)
            + pz * tl.load(light + 36)
            - (0.9 * texel + 0.03)
        )
        a = (a - tl.load(light + 37)) / texel - 0.5
        b = (b - tl.load(light + 38)) / texel - 0.5
        na, nb = tl.floor(a + 0.5), tl.floor(b + 0.5)
        oa, ob = a - na, b - nb
        reaches = tl.zeros_like(x)
        for tap in range(9):  # not unrolled, like the samples: that would take a minute to compile
            i, j = tap // 3 - 1, tap % 3 - 1
            wa = tl.where(i == 0, 0.75 - oa * oa, 0.5 * (0.5 + i * oa) * (0.5 + i * oa))
            wb = tl.where(j == 0, 0.75 - ob * ob, 0.5 * (0.5 + j * ob) * (0.5 + j * ob))
            column, row = na.to(tl.int32) + i, nb.to(tl.int32) + j
            inside = here & (column >= 0) & (column < size) & (row >= 0) & (row < size)
            depth = tl.load(shadow + row.to(tl.int64) * size + column, mask=inside, other=1e9)
            reaches += wa * wb * tl.where(depth > limit, 1.0, 0.0)
        sun = sun * reaches
    r = tl.load(facet, mask=here, other=0.0) * sun + tl.load(facet + 3, mask=here, other=0.0) * free
    g = tl.load(facet + 1, mask=here, other=0.0) * sun + tl.load(facet + 4, mask=here, other=0.0) * free
    b = tl.load(facet + 2, mask=here, other=0.0) * sun + tl.load(facet + 5, mask=here, other=0.0) * free
    r += tl.load(facet + 6, mask=here, other=0.0)
    g += tl.load(facet + 7, mask=here, other=0.0)
    b += tl.load(facet + 8, mask=here, other=0.0)
    return r, g, b


@triton.jit
def _tone(color, exposure):
    color = tl.maximum(color * exposure, 0.0)
    color = color / tl.sqrt(1 + (color / 1.6) * (color / 1.6))
    curved = 1.055 * tl.exp2(tl.log2(tl.maximum(color, 1e-8)) * (1 / 2.4)) - 0.055
    color = tl.where(color <= 0.0031308, 12.92 * color, curved)
    return tl.floor(tl.minimum(tl.maximum(color, 0.0), 1.0) * 255 + 0.5)


@triton.jit
def _shade_kernel(
    packed, mirrored, cameras, facets, kinds, light, shadow, hemmed, ground, rgb, depth_out, label_out,
    pixels, height, width, size, plan,
    SHADOW: tl.constexpr, WATER: tl.constexpr, SUPERSAMPLE: tl.constexpr, FAR: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    frame = pixel // (height * width)
    rest = pixel - frame * (height * width)
    row = rest // width
    column = rest - row * width
    camera = cameras + frame * 16
    r00, r01 = tl.load(camera, mask=inside, other=1.0), tl.load(camera + 1, mask=inside, other=0.0)
    r02, r10 = tl.load(camera + 2, mask=inside, other=0.0), tl.load(camera + 3, mask=inside, other=0.0)
    r11, r12 = tl.load(camera + 4, mask=inside, other=1.0), tl.load(camera + 5, mask=inside, other=0.0)
    r20, r21 = tl.load(camera + 6, mask=inside, other=0.0), tl.load(camera + 7, mask=inside, other=0.0)
    r22, ox = tl.load(camera + 8, mask=inside, other=1.0), tl.load(camera + 9, mask=inside, other=0.0)
    oy, oz = tl.load(camera + 10, mask=inside, other=0.0), tl.load(camera + 11, mask=inside, other=0.0)
    fx, fy = tl.load(camera + 12, mask=inside, other=1.0), tl.load(camera + 13, mask=inside, other=1.0)
    cx, cy = tl.load(camera + 14, mask=inside, other=0.0), tl.load(camera + 15, mask=inside, other=0.0)

    red = tl.zeros([BLOCK], tl.float32)
    green = tl.zeros([BLOCK], tl.float32)
    blue = tl.zeros([BLOCK], tl.float32)
    for sample in range(SUPERSAMPLE * SUPERSAMPLE):
        sy = row * SUPERSAMPLE + sample // SUPERSAMPLE
        sx = column * SUPERSAMPLE + sample % SUPERSAMPLE
        place = (frame * height * SUPERSAMPLE + sy) * (width * SUPERSAMPLE) + sx
        x = (sx.to(tl.float32) + 0.5 - cx) / fx
        y = (sy.to(tl.float32) + 0.5 - cy) / fy
        stretch = tl.sqrt(x * x + y * y + 1)
        dx = (r00 * x + r01 * y + r02) / stretch
        dy = (r10 * x + r11 * y + r12) / stretch
        dz = (r20 * x + r21 * y + r22) / stretch
        r, g, b = _sky(light, dx, dy, dz)

        entry = tl.load(packed + place, mask=inside, other=FAR << 32)
        bits = entry >> 32
        hit = inside & (bits < FAR)
        number = tl.where(hit, entry & 0xFFFFFFFF, 0)
        z = bits.to(tl.int32).to(tl.float32, bitcast=True)
        distance = tl.where(hit, z * stretch, 1.0)
        sr, sg, sb = _lit(
            facets, light, shadow, hemmed, ground, number,
            ox + dx * distance, oy + dy * distance, oz + dz * distance, hit, size, plan, SHADOW,
        )  # fmt: skip
        if WATER:
            wet = hit & (tl.load(kinds + number * 2, mask=hit, other=0) == 1)
            level = tl.load(light + 20)
            mr, mg, mb = _sky(light, dx, -dy, dz)
            entry2 = tl.load(mirrored + place, mask=wet, other=FAR << 32)
            bits2 = entry2 >> 32
            hit2 = wet & (bits2 < FAR)
            distance2 = tl.where(hit2, bits2.to(tl.int32).to(tl.float32, bitcast=True) * stretch, 1.0)
            nr, ng, nb = _lit(
                facets, light, shadow, hemmed, ground, tl.where(hit2, entry2 & 0xFFFFFFFF, 0),
                ox + dx * distance2, 2 * level - (oy + dy * distance2), oz + dz * distance2, hit2, size, plan, SHADOW,
            )  # fmt: skip
            nr, ng, nb = _fog(light, nr, ng, nb, dx, -dy, dz, distance2)
            mr, mg, mb = tl.where(hit2, nr, mr), tl.where(hit2, ng, mg), tl.where(hit2, nb, mb)
            grazing = 1 - tl.abs(dy)
            share = 0.12 + 0.78 * grazing * grazing * grazing
            deep = (0.55 + 0.45 * grazing) * (1 - share)
            sr = tl.where(wet, tl.load(light + 21) * deep + mr * share, sr)
            sg = tl.where(wet, tl.load(light + 22) * deep + mg * share, sg)
            sb = tl.where(wet, tl.load(light + 23) * deep + mb * share, sb)
        sr, sg, sb = _fog(light, sr, sg, sb, dx, dy, dz, distance)
        red += tl.where(hit, sr, r)
        green += tl.where(hit, sg, g)
        blue += tl.where(hit, sb, b)
        if sample == 0:
            label = tl.load(kinds + number * 2 + 1, mask=hit, other=0)
            tl.store(depth_out + pixel, tl.where(hit, z, float("inf")), mask=inside)
            tl.store(label_out + pixel, label, mask=inside)
    share = tl.load(light + 24) / (SUPERSAMPLE * SUPERSAMPLE)
    tl.store(rgb + pixel * 3, _tone(red, share).to(tl.uint8), mask=inside)
    tl.store(rgb + pixel * 3 + 1, _tone(green, share).to(tl.uint8), mask=inside)
    tl.store(rgb + pixel * 3 + 2, _tone(blue, share).to(tl.uint8), mask=inside)
