//! Loads, clocks, histograms and reports of `ringfence bench`.
