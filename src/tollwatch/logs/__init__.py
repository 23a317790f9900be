"""Reading logs, and the profiles that say how a source carries the fields."""
