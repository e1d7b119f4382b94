"""What the commands of :mod:`benchmark.run` do, and what they show in the terminal."""
