"""Scripts in Python that download a list: with haulage, and as people write them without it."""
