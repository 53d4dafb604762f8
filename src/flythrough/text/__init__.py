"""Text encoders: a prompt to the states that the transformer's cross-attention reads."""
