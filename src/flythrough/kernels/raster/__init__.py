"""Visibility of triangles. reference.py is the definition, triton.py the same for a GPU."""

from flythrough.kernels.raster.reference import FAR_BITS, nearest_depth, visible

__all__ = ["FAR_BITS", "nearest_depth", "visible"]
