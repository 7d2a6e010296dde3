"""How fast sessions become features, alerts and reports."""
