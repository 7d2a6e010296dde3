"""What the telecom application is measured by."""
