"""The sample of Fashion-MNIST that comes with the package; its licence lies beside it."""
