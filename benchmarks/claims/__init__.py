"""The paper's claims, in small."""
