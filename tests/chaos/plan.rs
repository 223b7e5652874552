//! The plan: which faults a seed brings, when, and for how long. Pure: the same seed and shape, the same plan.
//!
//! **Guarantees.** In time order; nothing is hurt by two faults at once; everything is over before the plan's end; every
//! kind of fault that the shape allows comes at least once, if there is time for all of them.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    chance::Chance,
    misdeed::{Method, Misdeed, What},
    people::SERVICES,
};

/// What there is to hurt, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub replicas: usize,
    /// The database is a server of its own, so that it can be restarted and its connections cut.
    pub database_server: bool,
    /// The storage is a server of its own.
    pub storage_server: bool,
    /// How long faults come.
    pub lasts: Duration,
}

/// Between rightful and somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Its position in `SERVICES`.
    Downstream(usize),
    Database,
    Storage,
}

/// Which way bytes do not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Neither.
    Both,
    /// Requests are lost.
    There,
    /// Answers are lost.
    Back,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and after a while it is started again.
    KillReplica { replica: usize, down: Duration },
    /// SIGSTOP, and SIGCONT when its leases have ended.
    FreezeReplica { replica: usize, frozen: Duration },
    /// `kill -9`.
    KillDownstream { downstream: usize, down: Duration },
    /// Every connection is cut.
    Cut { link: Link },
    /// The connections stay, and nothing gets through.
    Silence { link: Link, direction: Direction, lasts: Duration },
    /// `pg_ctl restart -m immediate`.
    RestartDatabase,
    /// Writes and reads fail.
    BreakStorage { lasts: Duration },
    /// A downstream does wrong, so many times.
    Misbehave { downstream: usize, misdeed: Misdeed, times: u64 },
}

/// A fault and when it comes, from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    pub at: Duration,
    pub fault: Fault,
}

/// What two faults may not hurt at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Replica(usize),
    Downstream(usize),
    Link(Link),
    Storage,
}

/// All kinds, in the order of their numbers.
const KINDS: usize = 8;
/// How often each kind comes, in the order of [`draw`].
const WEIGHTS: [u64; KINDS] = [4, 3, 3, 4, 3, 2, 2, 9];
/// Faults follow each other after so many milliseconds.
const GAP_MS: (u64, u64) = (150, 900);
/// A draw that hits somebody who is hurt already is repeated so often before the moment passes without a fault.
const DRAWS_MAX: usize = 12;
/// What a restart of the database takes at most.
const RESTART: Duration = Duration::from_secs(3);

/// The plan of a seed.
pub fn plan(seed: u64, shape: Shape) -> Vec<Timed> {
    let mut chance = Chance::new(seed, "plan");
    let mut busy: BTreeMap<Target, Duration> = BTreeMap::new();
    let mut first = shuffled(&mut chance, shape);
    let mut faults = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += Duration::from_millis(chance.between(GAP_MS.0, GAP_MS.1));
        if at >= shape.lasts {
            return faults;
        }
        for _ in 0..DRAWS_MAX {
            let kind = first.last().copied().unwrap_or_else(|| weighted(&mut chance, shape));
            let fault = draw(&mut chance, kind, shape);
            let (target, ends) = (fault.target(), at + fault.lasts());
            if ends < shape.lasts && busy.get(&target).is_none_or(|until| *until < at) {
                first.pop();
                busy.insert(target, ends);
                faults.push(Timed { at, fault });
                break;
            }
        }
    }
}

fn is_possible(kind: usize, shape: Shape) -> bool {
    kind != 5 || shape.database_server
}

/// Each kind once, in any order.
fn shuffled(chance: &mut Chance, shape: Shape) -> Vec<usize> {
    let mut kinds: Vec<usize> = (0..KINDS).filter(|kind| is_possible(*kind, shape)).collect();
    for position in (1..kinds.len()).rev() {
        kinds.swap(position, chance.position(position + 1));
    }
    kinds
}

fn weighted(chance: &mut Chance, shape: Shape) -> usize {
    let weight = |kind: usize| if is_possible(kind, shape) { WEIGHTS[kind] } else { 0 };
    let mut left = chance.between(0, (0..KINDS).map(weight).sum());
    for kind in 0..KINDS {
        if left < weight(kind) {
            return kind;
        }
        left -= weight(kind);
    }
    unreachable!("what is left is less than the sum")
}

fn draw(chance: &mut Chance, kind: usize, shape: Shape) -> Fault {
    let mut lasts = |least, end| Duration::from_millis(chance.between(least, end));
    match kind {
        0 => {
            let down = lasts(50, 1_500);
            Fault::KillReplica { replica: chance.position(shape.replicas), down }
        }
        // Longer than a lease in any case: see `world::LEASE`.
        1 => {
            let frozen = lasts(2_200, 4_500);
            Fault::FreezeReplica { replica: chance.position(shape.replicas), frozen }
        }
        2 => {
            let down = lasts(50, 2_500);
            Fault::KillDownstream { downstream: chance.position(SERVICES.len()), down }
        }
        3 => Fault::Cut { link: link(chance, shape) },
        4 => {
            let lasts = lasts(500, 3_500);
            let direction = *chance.one_of(&[Direction::Both, Direction::There, Direction::Back]);
            Fault::Silence { link: link(chance, shape), direction, lasts }
        }
        5 => Fault::RestartDatabase,
        6 => Fault::BreakStorage { lasts: lasts(300, 2_500) },
        _ => {
            let downstream = chance.position(SERVICES.len());
            Fault::Misbehave { downstream, misdeed: misdeed(chance), times: chance.between(1, 5) }
        }
    }
}

fn link(chance: &mut Chance, shape: Shape) -> Link {
    let mut links: Vec<Link> = (0..SERVICES.len()).map(Link::Downstream).collect();
    // Everybody hangs on these two: they are hit more often than each downstream.
    links.extend([Link::Database; 2].iter().filter(|_| shape.database_server));
    links.extend([Link::Storage; 2].iter().filter(|_| shape.storage_server));
    *chance.one_of(&links)
}

fn misdeed(chance: &mut Chance) -> Misdeed {
    const ANYWHERE: [What; 4] = [What::Hang, What::Fail, What::Exhausted(200), What::Exhausted(900)];
    let method = *chance.one_of(&Method::ALL);
    let what = match method {
        Method::Collect => match chance.between(0, 8) {
            0 | 1 => What::DieAfter(chance.between(0, 40)),
            2 => What::HangAfter(chance.between(0, 40)),
            3 => What::WrongCounts,
            4 => What::NoSummary,
            _ => *chance.one_of(&ANYWHERE),
        },
        Method::Erase | Method::GetTask => match chance.between(0, 6) {
            0 | 1 => What::DieInstead,
            2 => What::Mute,
            3 => What::Forget,
            _ => *chance.one_of(&ANYWHERE),
        },
        Method::Describe | Method::Resolve => *chance.one_of(&ANYWHERE),
    };
    Misdeed { method, what }
}

impl Fault {
    /// Whom it hurts.
    pub fn target(&self) -> Target {
        match self {
            Self::KillReplica { replica, .. } | Self::FreezeReplica { replica, .. } => {
                Target::Replica(*replica)
            }
            Self::KillDownstream { downstream, .. } | Self::Misbehave { downstream, .. } => {
                Target::Downstream(*downstream)
            }
            Self::Cut { link } | Self::Silence { link, .. } => Target::Link(*link),
            Self::RestartDatabase => Target::Link(Link::Database),
            Self::BreakStorage { .. } => Target::Storage,
        }
    }

    /// How long.
    pub fn lasts(&self) -> Duration {
        match self {
            Self::KillReplica { down: lasts, .. }
            | Self::FreezeReplica { frozen: lasts, .. }
            | Self::KillDownstream { down: lasts, .. }
            | Self::Silence { lasts, .. }
            | Self::BreakStorage { lasts } => *lasts,
            Self::Cut { .. } | Self::Misbehave { .. } => Duration::ZERO,
            Self::RestartDatabase => RESTART,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Downstream(position) => f.write_str(SERVICES[*position]),
            Self::Database => f.write_str("database"),
            Self::Storage => f.write_str("storage"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillReplica { replica, down } => write!(f, "kill replica {replica}, down {down:?}"),
            Self::FreezeReplica { replica, frozen } => write!(f, "freeze replica {replica} for {frozen:?}"),
            Self::KillDownstream { downstream, down } => {
                write!(f, "kill {}, down {down:?}", SERVICES[*downstream])
            }
            Self::Cut { link } => write!(f, "cut the connections to {link}"),
            Self::Silence { link, direction, lasts } => {
                write!(f, "silence {link} ({direction:?}) for {lasts:?}")
            }
            Self::RestartDatabase => f.write_str("restart the database"),
            Self::BreakStorage { lasts } => write!(f, "break the storage for {lasts:?}"),
            Self::Misbehave { downstream, misdeed, times } => {
                write!(f, "{}: {times} × {misdeed}", SERVICES[*downstream])
            }
        }
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7.2} s  {}", self.at.as_secs_f64(), self.fault)
    }
}
