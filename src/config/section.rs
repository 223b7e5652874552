//! The sections as they are meant: checked values, one type for each section.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use jiff::SignedDuration;

use super::tls::ServerTls;
use crate::domain::{Duplicates, Period};

/// `[server]`: what it serves on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address and port of the gRPC server; port 0 takes a free one.
    pub listen: SocketAddr,
    /// From the signal to stop until everything has ended: calls and attempts that are under way may go on for as long.
    /// 100 ms to 1 h.
    pub grace: SignedDuration,
    /// Origins whose web pages may call by gRPC-Web; with none there is no gRPC-Web.
    pub web_origins: Vec<String>,
    /// What it serves with; absent: in clear, which has to be asked for and does not leave the machine.
    pub tls: Option<ServerTls>,
}

/// `[store]`: the database. Its `Debug` leaves the URL out: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite://file` (relative to the working directory), or `postgres://…`.
    pub url: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split("://").next().unwrap_or_default();
        write!(f, "Store({scheme}: redacted)")
    }
}

/// `[storage]`: where parts of exports are kept. Its `Debug` names the options only: they may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Storage {
    /// `file://folder` (relative to the working directory, or absolute with a third slash), or `s3://bucket/prefix`.
    pub url: String,
    /// What the object storage needs besides, by the names of its client: `aws_endpoint`, `aws_region`, …
    pub options: BTreeMap<String, String>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.options.keys().collect();
        f.debug_struct("Storage").field("url", &self.url).field("options", &names).finish()
    }
}

/// `[controller]`: who answers to the person. Shown in exports and receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The name of the controller, at most 256 bytes.
    pub name: String,
    /// How the person reaches the controller, at most 256 bytes.
    pub contact: String,
    /// Where the person may complain (GDPR 15(1)(f)), at most 256 bytes.
    pub complaint_body: String,
}

/// `[policy]`: how long things may take and live, in calendar units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From the day on which the person asked until the case is due.
    pub respond_within: Period,
    /// From the day on which a case settled until its export and its key are destroyed.
    pub export_lives: Period,
    /// What is done about a case whose subject has an open case of the same right and scope.
    pub duplicates: Duplicates,
    /// Cases of one right that a person may open within `excessive_within`; more of them wait for a person's decision. Up
    /// to 100; 0: any number.
    pub excessive_cases: u32,
    /// See `excessive_cases`.
    pub excessive_within: Period,
}

/// `[engine]`: how work is claimed and polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// How long a worker owns a task without renewing: after a crash, work resumes within this. 1 s to 1 h.
    pub lease: SignedDuration,
    /// How often due work is looked for when nothing woke the engine. 10 ms to 1 h.
    pub poll: SignedDuration,
    /// How often each downstream is asked what it holds. 100 ms to 24 h.
    pub describe_every: SignedDuration,
    /// How long a task waits for a downstream that has never said what it holds. 0 to 30 days.
    pub describe_patience: SignedDuration,
    /// Cases that one transaction opens at the most, 1 to 10,000: more wait for the next one.
    pub open_batch_max: u32,
    /// Calls to one downstream that this replica has under way at once, 1 to 1,024, however many the downstream takes.
    pub calls_per_lane: u32,
}
