"""Kappabench from Python; ``benchmark`` hands its names out when they are first asked for."""
