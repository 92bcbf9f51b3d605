"""The reviewer's screens: full-screen (app) and plain (plain); `session` is what both are made of and knows neither.

Import the modules where they are used: Textual takes long to load.
"""
