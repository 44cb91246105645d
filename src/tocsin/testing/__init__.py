"""Shipped for tests, drills and doubts: a virtual clock, a world made from a seed, and the simulator."""
