"""Session records of IoT and telecom networks: loading, generating, features, detection."""
