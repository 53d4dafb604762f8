"""Flights on a Ray cluster: the model works there, the film and its state are written here.

Ray decides where a worker runs, restarts one that died, elsewhere if need be, and asks it again for what it still owed.
Every such request names the flight's last state, so a worker that remembers nothing begins there and gives the same
frames. Frames and states travel through Ray's object store: no disk is shared, and here nobody notices a death.
"""

from flythrough.spread.cluster import Cluster, LeftError, LostError
from flythrough.spread.worker import Choice

__all__ = ["Choice", "Cluster", "LeftError", "LostError"]
