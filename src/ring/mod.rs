//! Lanes over one sequence space.
