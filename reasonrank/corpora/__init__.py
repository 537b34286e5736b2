"""Where documents come from: the sample collection, Python's docstrings, files, public collections."""
