"""What Spark adds to a score, and how far scoring on it is from what both allow."""
