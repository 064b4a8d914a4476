//! Where commands come in: text, sockets, memory.
