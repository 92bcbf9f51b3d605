"""What people answer to one by one: the reviewer's screen, full (app) and plain, both over `session`; conflicts; pairs
of records; proposed links; the extraction form.

Import the modules where they are used: Textual takes long to load.
"""
