"""What models and precisions make of held-out photographs."""
