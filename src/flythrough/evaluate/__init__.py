"""How good a model is: figures on held-out worlds, each beside what bounds it from above and below."""
