"""Training LaMa as in the paper: masks, data, losses, the loop. Needs torch and `pip install lama-deploy[train]`."""
