"""One adapter for plain encoders of any library: their own layers do the work, found and proven by experiment."""
