"""Whether the kernels are right on a GPU at all, case by case, in less than a minute."""
