"""The refiner: LTX-2's video transformer goes over finished latents once more, block by block or all at once."""
