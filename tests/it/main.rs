//! The end-to-end suite: real servers on real sockets, seen through the public RPCs and the command line.
//!
//! `harness` sets up a world for each test; `puppet` is a downstream that does what a test tells it. Tests wait by
//! watching, never by sleeping.

mod harness;
mod puppet;

mod abuse;
mod access;
mod approval;
mod attention;
mod auth;
mod browser;
mod bulk;
mod callers;
mod canary;
mod clocks;
mod commands;
mod crash;
mod decade;
mod download;
mod downstreams;
mod duplicates;
mod erasure;
mod faults;
mod follow_ups;
mod forwarding;
mod holds;
mod hostile;
mod import;
mod keys;
mod limits;
mod manual;
mod minors;
mod notices;
mod opening;
mod outages;
mod postgresql;
mod reading;
mod replicas;
mod restore;
mod retention;
mod rights;
mod s3;
mod serving;
mod sqlite;
mod stopping;
mod sweeps;
mod telemetry;
mod tls;
mod traffic;
mod verification;
mod year;
