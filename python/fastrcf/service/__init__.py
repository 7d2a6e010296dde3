"""A model behind HTTP: ``fastrcf serve``, and the core that other servers share.

:mod:`fastrcf.service.core` knows no HTTP server and no cloud: a request comes in as method,
path, headers and bytes, and an answer goes out as status, headers and bytes.
"""
