//! Journal to engine, read-only.
