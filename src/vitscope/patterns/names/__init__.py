"""Names of patterns: rules over features, and their thresholds."""
