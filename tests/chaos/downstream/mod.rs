//! A downstream in a process of its own. Whatever it does to a person's data it first writes into its journal, and it
//! holds what the seed says less what the journal says: it may be killed at any instant, between effect and answer too.
//!
//! It is told what to do wrong by lines on its standard input (`3 collect die_after 12`), and ends when that does.

#[path = "../../it/puppet/collection.rs"]
mod collection;
#[path = "../../it/puppet/fault.rs"]
#[expect(dead_code, reason = "the puppet can do more wrong than a downstream that has to be repeatable")]
mod fault;
mod journal;
#[path = "../../it/puppet/person.rs"]
#[expect(dead_code, reason = "the puppet's tests build people in more ways")]
mod person;
#[path = "../../it/puppet/profile.rs"]
#[expect(dead_code, reason = "services are named by whoever starts them")]
mod profile;
mod service;
mod tasks;

use std::{
    collections::VecDeque,
    io::BufRead as _,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use rightful::proto::downstream::v1::{
    DescribeResponse, subject_data_service_server::SubjectDataServiceServer,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

pub use fault::Fault;
pub use journal::{Entry, Journal, read};
pub use person::Person;
pub use profile::{Profile, category, ground};

use crate::{misdeed::Misdeed, people};
use tasks::Tasks;

/// What the parent says when everything is to be well again.
pub const HEAL: &str = "heal";

/// What the calls share. Everything is behind one lock: calls are few and short.
pub struct Inner {
    description: DescribeResponse,
    people: Vec<Person>,
    token_every: usize,
    tasks: Tasks,
    misdeeds: VecDeque<Misdeed>,
}

/// Serves as the service of this name until standard input ends.
pub async fn run(name: &str, seed: u64, count: u64, file: &Path) -> anyhow::Result<()> {
    let profile = people::profile(name, seed, count)?;
    let mut people = profile.people;
    let tasks = Tasks::load(file, &mut people, name == "analytics")?;
    let inner = Arc::new(Mutex::new(Inner {
        description: profile.description,
        people,
        token_every: profile.token_every,
        tasks,
        misdeeds: VecDeque::new(),
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
    eprintln!("http://{}", listener.local_addr()?);
    let told = Arc::clone(&inner);
    std::thread::spawn(move || listen(&told));
    let service = SubjectDataServiceServer::new(service::Service(inner));
    Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)).await?;
    Ok(())
}

/// Does what the parent says, until it says nothing more.
fn listen(inner: &Mutex<Inner>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut inner = inner.lock().expect("no call panics while it holds the lock");
        if line == HEAL {
            inner.misdeeds.clear();
        } else if let Some((times, misdeed)) = line.split_once(' ')
            && let (Ok(times), Ok(misdeed)) = (times.parse(), misdeed.parse::<Misdeed>())
        {
            inner.misdeeds.extend(std::iter::repeat_n(misdeed, times));
        } else {
            eprintln!("{line:?} is not understood");
        }
    }
    std::process::exit(0);
}
