//! Counters, histograms and reports; never on the hot path.
