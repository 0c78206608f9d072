"""The domain and its arithmetic: pure, no clock, file, network, environment or SQL."""
