"""What the service answers, by protocol."""
