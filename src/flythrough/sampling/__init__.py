"""From noise to latents: sigma schedules, Euler steps, guidance, and the order in which a stream denoises."""
