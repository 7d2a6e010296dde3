"""Measurements of the telecom application."""
