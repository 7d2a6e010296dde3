"""How well we detect: the same data for this project and its peers."""
