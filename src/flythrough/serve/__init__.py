"""A local server of worlds: videos as jobs that outlive it, live flights, and the studio in a browser."""
