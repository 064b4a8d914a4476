//! The topology, the stages, and how they are placed on threads.
