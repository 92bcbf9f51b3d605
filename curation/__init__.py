"""Turns records into reports, reports into studies, votes into verdicts: pure logic with its evidence."""
