"""How fast this machine is: ours beside diffusers in one run, at the official sizes with random weights."""
