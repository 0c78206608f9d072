"""One file per source; each knows one provider's payload and its quirks."""
