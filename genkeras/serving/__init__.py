"""What is taken away from training: samplers that stand alone."""
