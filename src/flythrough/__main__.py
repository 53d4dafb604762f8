"""`python -m flythrough` is the command `flythrough`, for torchrun and for checkouts that are not installed."""

from flythrough.cli import main

main()
