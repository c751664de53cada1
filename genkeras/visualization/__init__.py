"""Pictures of pictures: uint8 arrays in, uint8 arrays or PNG bytes out."""
