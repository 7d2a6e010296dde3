"""What Lambda imports: the handler, ready before the first request comes."""

from fastrcf.stack.function import handler, start

start()

__all__ = ["handler"]
