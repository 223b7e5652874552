//! What a downstream can be told to do wrong, as one line of text: `collect die_after 12`.

use std::{fmt, str::FromStr};

/// The RPCs of a downstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Describe,
    Resolve,
    Collect,
    Erase,
    GetTask,
}

impl Method {
    pub const ALL: [Self; 5] = [Self::Describe, Self::Resolve, Self::Collect, Self::Erase, Self::GetTask];
}

/// One way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Never answers.
    Hang,
    /// Answers UNAVAILABLE.
    Fail,
    /// Answers RESOURCE_EXHAUSTED, with a RetryInfo of so many milliseconds.
    Exhausted(u64),
    /// Collect: after so many items the process dies.
    DieAfter(u64),
    /// Collect: after so many items nothing comes any more.
    HangAfter(u64),
    /// Collect: the summary claims more than was sent.
    WrongCounts,
    /// Collect: the stream ends without its summary.
    NoSummary,
    /// Erase, GetTask: the work is done and written down; then the process dies instead of answering.
    DieInstead,
    /// Erase, GetTask: the work is done and written down, and no answer comes.
    Mute,
    /// Erase, GetTask: every task that was accepted and is not done yet is forgotten.
    Forget,
}

/// What goes wrong with the next call of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misdeed {
    pub method: Method,
    pub what: What,
}

const METHODS: [(&str, Method); 5] = [
    ("describe", Method::Describe),
    ("resolve", Method::Resolve),
    ("collect", Method::Collect),
    ("erase", Method::Erase),
    ("get_task", Method::GetTask),
];

impl fmt::Display for Misdeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = METHODS.iter().find(|(_, method)| *method == self.method);
        let (method, _) = named.expect("every method has a name");
        write!(f, "{method} ")?;
        match self.what {
            What::Hang => f.write_str("hang"),
            What::Fail => f.write_str("fail"),
            What::Exhausted(ms) => write!(f, "exhausted {ms}"),
            What::DieAfter(items) => write!(f, "die_after {items}"),
            What::HangAfter(items) => write!(f, "hang_after {items}"),
            What::WrongCounts => f.write_str("wrong_counts"),
            What::NoSummary => f.write_str("no_summary"),
            What::DieInstead => f.write_str("die_instead"),
            What::Mute => f.write_str("mute"),
            What::Forget => f.write_str("forget"),
        }
    }
}

impl FromStr for Misdeed {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let unknown = || anyhow::anyhow!("{text:?} is no misdeed");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [method, what, rest @ ..] = words.as_slice() else { return Err(unknown()) };
        let (_, method) = METHODS.iter().find(|(name, _)| name == method).ok_or_else(unknown)?;
        let number = || rest.first().and_then(|number| number.parse().ok()).ok_or_else(unknown);
        let what = match *what {
            "hang" => What::Hang,
            "fail" => What::Fail,
            "exhausted" => What::Exhausted(number()?),
            "die_after" => What::DieAfter(number()?),
            "hang_after" => What::HangAfter(number()?),
            "wrong_counts" => What::WrongCounts,
            "no_summary" => What::NoSummary,
            "die_instead" => What::DieInstead,
            "mute" => What::Mute,
            "forget" => What::Forget,
            _ => return Err(unknown()),
        };
        Ok(Self { method: *method, what })
    }
}
