//! The configuration: one TOML file, `RIGHTFUL_…` variables, flags.
