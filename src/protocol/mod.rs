//! Bytes to values and back. Nothing here has a clock, a socket or a file.
