"""Measures the Lambda function and the local cloud: handler, cold start, requests a second."""
