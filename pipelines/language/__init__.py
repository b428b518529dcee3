"""The words that a visitor types: what is asked for, and what is pointed at. Knows no model and no page."""
