//! The `rightful` binary.

fn main() {}
