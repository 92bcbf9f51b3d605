"""The one place that orders the rooms: harvest, then dedupe, then link, then refresh. It never prints."""
