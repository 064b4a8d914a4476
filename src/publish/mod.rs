//! Where outcomes leave: text, sockets, counters.
