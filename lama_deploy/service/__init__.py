"""The HTTP service: a bounded queue in front of opened models, and the protocols that clients speak to it."""
