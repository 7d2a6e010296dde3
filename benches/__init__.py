"""Measurements of the forest beside its peers, all in one run."""
