//! Whether this process is ready, for whoever asks in plain HTTP: Kubernetes' own gRPC probes speak no TLS. It is the answer
//! of `grpc.health.v1.Health`, kept where the endpoint of the metrics finds it.

use std::sync::atomic::{AtomicU8, Ordering};

/// What calls can count on. A process serves one server, so there is one.
static STATE: AtomicU8 = AtomicU8::new(State::Starting as u8);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nothing is served yet.
    Starting = 0,
    /// Calls can be answered.
    Ready = 1,
    /// The database or the storage does not answer.
    Failing = 2,
    /// It ends, and takes no more calls.
    Stopping = 3,
}

impl State {
    /// What is answered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Failing => "the database or the storage does not answer",
            Self::Stopping => "stopping",
        }
    }
}

/// It is so from now on.
pub fn set(state: State) {
    STATE.store(state as u8, Ordering::Relaxed);
}

/// How it is now.
pub fn get() -> State {
    match STATE.load(Ordering::Relaxed) {
        1 => State::Ready,
        2 => State::Failing,
        3 => State::Stopping,
        _ => State::Starting,
    }
}
