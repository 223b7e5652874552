//! The house rules as tests: who may import whom, where each framework lives, how long things are, what is documented.
//!
//! Each fault says what to do about it.

mod configuration;
mod dashboard;
mod layers;
mod metrics;
mod paths;
mod permissions;
mod printed;
mod promises;
mod rights;
mod source;
mod states;
mod style;

/// Fails with all faults at once, each on its line.
fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{} fault(s):\n- {}\n", faults.len(), faults.join("\n- "));
}
