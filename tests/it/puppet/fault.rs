//! What a puppet does wrong, and when.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use rightful::proto::downstream::v1::{CollectResponse, Ground, Identifier, Outcome};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The RPCs of a downstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Describe,
    Resolve,
    Collect,
    Erase,
    Rectify,
    Restrict,
    Object,
    WithdrawConsent,
    GetTask,
    Sweep,
}

/// One way to go wrong.
#[derive(Clone)]
pub enum Fault {
    /// Does not answer until the puppet is healed.
    Hang,
    /// Answers with this code.
    Fail(Code),
    /// Answers with this code and a RetryInfo.
    RetryIn(Code, Duration),
    /// Does its work, then cuts the connection instead of answering.
    LoseResponse,
    /// Does its work, and does not answer until the puppet is healed.
    Mute,
    /// Collect: after so many items the connection is cut.
    DieAfter(usize),
    /// Collect: after so many items nothing comes any more until the puppet is healed.
    HangAfter(usize),
    /// Collect: the summary claims one record more of each category than were sent.
    WrongCounts,
    /// Collect: the stream ends without its summary.
    NoSummary,
    /// Collect: these come first, and are counted in the summary.
    Send(Vec<CollectResponse>),
    /// Collect: something comes after the summary.
    TalkOn,
    /// Resolve: answers these.
    Resolve(Vec<Identifier>),
    /// Erase, Rectify: says that it did everything, and does every second record only. Restrict: every second is lost.
    EraseHalf,
    /// A change: answers Working; the outcome is there at the poll of this number, from 1.
    Work(u32),
    /// GetTask: it has lost the task, and answers NOT_FOUND.
    Forget,
    /// A change: refuses on this ground.
    Refuse(Ground),
    /// A change: changes nothing, and answers this.
    Claim(Outcome),
}

impl Fault {
    /// The error that it answers with, if that is what it does.
    pub fn status(&self) -> Option<Status> {
        // The text stands for personal data that a careless downstream puts into its errors.
        let text = "no luck for leaky-canary@example.org";
        match self {
            Self::Fail(code) => Some(Status::new(*code, text)),
            Self::RetryIn(code, after) => {
                Some(Status::with_error_details(*code, text, ErrorDetails::with_retry_info(Some(*after))))
            }
            _ => None,
        }
    }
}

/// What comes next, method by method.
#[derive(Default)]
pub struct Script {
    once: BTreeMap<Method, VecDeque<Fault>>,
    always: BTreeMap<Method, Fault>,
}

impl Script {
    pub fn next(&mut self, method: Method, fault: Fault) {
        self.once.entry(method).or_default().push_back(fault);
    }

    pub fn always(&mut self, method: Method, fault: Fault) {
        self.always.insert(method, fault);
    }

    /// The fault of the call that has just come.
    pub fn take(&mut self, method: Method) -> Option<Fault> {
        let once = self.once.get_mut(&method).and_then(VecDeque::pop_front);
        once.or_else(|| self.always.get(&method).cloned())
    }
}
