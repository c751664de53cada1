"""Image files in, uint8 arrays and reproducible batches out."""
