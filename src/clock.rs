//! The home of time and ids.
