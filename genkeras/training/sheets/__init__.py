"""What is drawn of a model at the end of an epoch, one kind of sheet per file.

A sheet is an object with `write(model, epoch)`, which writes its PNG files for the epoch
(counted from 1) and nothing else, so that it can be drawn again for a finished run.
"""
