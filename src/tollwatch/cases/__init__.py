"""Cases: a detection's tests."""
