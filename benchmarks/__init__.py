"""What is measured, and the pages that say so; each program is run as a module from the repository's root."""
