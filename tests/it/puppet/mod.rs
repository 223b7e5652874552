//! The puppet: a scriptable downstream on a loopback socket. It keeps the contract unless it is told not to, and writes
//! down every call.

mod change;
mod collection;
mod fault;
mod front;
mod journal;
mod person;
mod profile;
mod rights;
mod service;
mod sweep;

pub use fault::{Fault, Method};
pub use journal::Call;
pub use person::{Gone, Person};
pub use profile::{Profile, category, ground};

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use rightful::{
    clock::Clock,
    proto::downstream::v1::{DescribeResponse, subject_data_service_server::SubjectDataServiceServer},
};
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Server};

use fault::Script;
use front::Front;
use journal::Journal;

/// Connections that wait to be served; rightful holds one per downstream.
const WAITING_MAX: usize = 64;

/// What the puppet's calls share. Everything is behind one lock: calls are few and short.
struct Inner {
    description: DescribeResponse,
    people: Vec<Person>,
    script: Script,
    journal: Journal,
    tasks: change::Tasks,
    sweeps: sweep::Sweeps,
    /// Items between two resume tokens; 0 sends none.
    token_every: usize,
    clock: Option<Arc<dyn Clock>>,
    /// Calls that hang just now, and at the most at once so far.
    hanging: (usize, usize),
}

/// What is shared by the test, the service and its streams.
#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    front: Front,
    /// Counts the healings: what hangs ends with the next one.
    healings: watch::Sender<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds the lock")
    }

    /// Hangs until the puppet is healed, and fails then.
    async fn hang(&self) -> Status {
        let _counted = Hanging::one_more(&self.inner);
        // An error means that the puppet is gone; nobody waits for the answer then.
        let _ = self.healings.subscribe().changed().await;
        Status::unavailable("it hung")
    }
}

/// A call that hangs, counted.
struct Hanging(Arc<Mutex<Inner>>);

impl Hanging {
    fn one_more(inner: &Arc<Mutex<Inner>>) -> Self {
        let mut locked = inner.lock().expect("no test panics while it holds the lock");
        locked.hanging.0 += 1;
        locked.hanging.1 = locked.hanging.1.max(locked.hanging.0);
        Self(Arc::clone(inner))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.0.lock() {
            inner.hanging.0 -= 1;
        }
    }
}

/// A downstream under a test's control. It stops when it is dropped.
pub struct Puppet {
    name: String,
    shared: Shared,
}

impl Puppet {
    /// Starts to serve on a free loopback port, which stays its own until it is dropped.
    pub async fn start(profile: Profile) -> Self {
        let (connections, incoming) = tokio::sync::mpsc::channel(WAITING_MAX);
        let front = Front::open(connections, profile.tls).await;
        let inner = Inner {
            description: profile.description,
            people: profile.people,
            script: Script::default(),
            journal: Journal::default(),
            tasks: change::Tasks::default(),
            sweeps: sweep::Sweeps::default(),
            token_every: profile.token_every,
            clock: profile.clock,
            hanging: (0, 0),
        };
        let healings = watch::Sender::new(0);
        let shared = Shared { inner: Arc::new(Mutex::new(inner)), front, healings };
        let service = SubjectDataServiceServer::new(service::Service(shared.clone()));
        tokio::spawn(
            Server::builder().add_service(service).serve_with_incoming(ReceiverStream::new(incoming)),
        );
        Self { name: profile.name, shared }
    }

    /// The name in rightful's configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `http://127.0.0.1:port`, or `https://localhost:port`.
    pub fn endpoint(&self) -> String {
        let address = self.shared.front.address();
        if self.shared.front.is_tls() {
            format!("https://localhost:{}", address.port())
        } else {
            format!("http://{address}")
        }
    }

    /// Cuts every connection and takes no new one.
    pub fn go_down(&self) {
        self.shared.front.set_up(false);
    }

    /// Takes connections again, on the same port.
    pub fn come_up(&self) {
        self.shared.front.set_up(true);
    }

    /// The next call of the method meets this; several queue up.
    pub fn next(&self, method: Method, fault: Fault) {
        self.shared.lock().script.next(method, fault);
    }

    /// Every call of the method meets this until `heal`.
    pub fn always(&self, method: Method, fault: Fault) {
        self.shared.lock().script.always(method, fault);
    }

    /// From now on it keeps the contract. What hangs ends.
    pub fn heal(&self) {
        self.shared.lock().script = Script::default();
        self.shared.healings.send_modify(|count| *count += 1);
    }

    /// Changes what it answers to Describe.
    pub fn redescribe(&self, change: impl FnOnce(&mut DescribeResponse)) {
        change(&mut self.shared.lock().description);
    }

    /// The calls of a method so far.
    pub fn calls(&self, method: Method) -> Vec<Call> {
        self.shared.lock().journal.calls(method)
    }

    /// How often it was asked anything about a person.
    pub fn personal_calls(&self) -> usize {
        self.shared.lock().journal.personal()
    }

    /// Changes with every call.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.shared.lock().journal.watch()
    }

    /// Waits until the method has been called `count` times in all.
    pub async fn called(&self, method: Method, count: usize) {
        let mut seen = self.watch();
        crate::harness::soon("a call of a puppet", async {
            while self.calls(method).len() < count {
                seen.changed().await.expect("the journal lives as long as the puppet");
            }
        })
        .await;
    }

    /// How many calls hung at the same time at the most.
    pub fn hung_at_once(&self) -> usize {
        self.shared.lock().hanging.1
    }

    /// What it knows of somebody from now on.
    pub fn learn(&self, person: Person) {
        self.shared.lock().people.push(person);
    }

    /// Every record that went, and when: none before the first erasure of a puppet with a clock.
    pub fn gone(&self) -> Vec<Gone> {
        self.shared.lock().journal.gone.clone()
    }

    /// How many records and files it holds now.
    pub fn holds(&self) -> usize {
        self.shared.lock().people.iter().map(Person::items).sum()
    }

    /// Its people as they are now.
    pub fn people(&self) -> Vec<Person> {
        self.shared.lock().people.clone()
    }

    /// Waits until something was changed.
    pub async fn affected(&self) {
        let mut seen = self.watch();
        crate::harness::soon("an effect at a puppet", async {
            while self.shared.lock().journal.effects.is_empty() {
                seen.changed().await.expect("the journal lives as long as the puppet");
            }
        })
        .await;
    }

    /// Fails if a task had an effect twice, if a task's body changed between calls, or if other tasks had effects than
    /// these.
    pub fn assert_each_effect_once<'a>(&self, tasks: impl IntoIterator<Item = &'a str>) {
        let inner = self.shared.lock();
        let effects: BTreeSet<&str> = inner.journal.effects.iter().map(String::as_str).collect();
        assert_eq!(effects.len(), inner.journal.effects.len(), "{}: an effect happened twice", self.name);
        let expected: BTreeSet<&str> = tasks.into_iter().collect();
        assert_eq!(effects, expected, "{}: the tasks with effects are others than expected", self.name);
        assert!(inner.tasks.changed.is_empty(), "{}: the same task id came with another body", self.name);
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.shared.front.close();
    }
}
