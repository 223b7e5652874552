//! The names of gRPC's codes.

/// In the order of their numbers (gRPC, "Status codes and their use in gRPC").
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name that gRPC's documents, traces and metrics use. A number that is no code is UNKNOWN, as gRPC has it.
pub fn name(number: i32) -> &'static str {
    usize::try_from(number).ok().and_then(|number| NAMES.get(number)).unwrap_or(&NAMES[2])
}

/// Whether it is a fault of the server that answers with it, and not of its caller (OpenTelemetry's conventions for gRPC).
pub fn is_servers_fault(name: &str) -> bool {
    matches!(
        name,
        "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_list_are_unknown() {
        assert_eq!(
            [-1, 0, 5, 16, 17].map(name),
            ["UNKNOWN", "OK", "NOT_FOUND", "UNAUTHENTICATED", "UNKNOWN"]
        );
    }
}
