//! Fixed-capacity hash tables from ids to dense indices.
