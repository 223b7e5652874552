//! Calls out: the registry of downstreams, their clients, and what their answers mean.
