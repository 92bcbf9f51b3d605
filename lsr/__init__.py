"""The front door of a living systematic review: command line, workflow, protocol reader, templates."""

__version__ = "0.1.0"
