//! The only room that sees all others: build, start, drain.
