"""What knows AWS: the function behind the REST API, the stack around it, and both on loopback.

It stands on :mod:`fastrcf.service`, which knows neither AWS nor an HTTP server.
"""
