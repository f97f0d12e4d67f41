"""Training LaMa as in the paper: data, losses, the loop. Needs torch and the extra `train`."""
