"""The two exercises of the 2016 tutorial: what differs between them, and what only they need."""
