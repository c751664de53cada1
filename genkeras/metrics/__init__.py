"""Numbers about images: NumPy arrays in, numbers out, one measure per file."""
