"""Measures the HTTP server: requests and rows a second, latency, memory, overload."""
