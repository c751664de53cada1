"""Programs: `python -m apps.<name> --help`."""
