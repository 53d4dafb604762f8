"""The gated delta rule over frames: what a frame does to the memory, and the scan that chains frames."""

from flythrough.kernels.gdn.reference import frame_updates, prefix

__all__ = ["frame_updates", "prefix"]
