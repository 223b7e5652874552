//! The lives of cases, tasks and sweeps: their tables are complete, agree with their documentation, and stand in
//! `docs/states.md`.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use rightful::domain::{CaseEvent, CaseState, SweepEvent, SweepState, TaskEvent, TaskState};

use crate::{printed, report, source};

/// A machine as plain names: what there is, and every pair's answer.
struct Table {
    title: &'static str,
    source: &'static str,
    starts: Vec<&'static str>,
    states: Vec<&'static str>,
    events: Vec<&'static str>,
    moves: Vec<(&'static str, &'static str, &'static str)>,
    settled: Vec<&'static str>,
}

fn cases() -> Table {
    let mut moves = Vec::new();
    for state in CaseState::ALL {
        for event in CaseEvent::ALL {
            match state.after(*event) {
                Ok(next) => moves.push((state.as_str(), event.as_str(), next.as_str())),
                Err(illegal) => assert_eq!((illegal.from, illegal.event), (state.as_str(), event.as_str())),
            }
        }
    }
    Table {
        title: "Cases",
        source: "src/domain/case.rs",
        starts: [CaseState::AwaitingVerification, CaseState::AwaitingApproval, CaseState::InProgress]
            .map(CaseState::as_str)
            .to_vec(),
        states: CaseState::ALL.iter().map(|state| state.as_str()).collect(),
        events: CaseEvent::ALL.iter().map(|event| event.as_str()).collect(),
        moves,
        settled: CaseState::ALL
            .iter()
            .filter(|state| state.is_settled())
            .map(|state| state.as_str())
            .collect(),
    }
}

fn tasks() -> Table {
    use TaskState::{Blocked, NeedsAttention, Pending, Skipped};
    let mut moves = Vec::new();
    for state in TaskState::ALL {
        for event in TaskEvent::ALL {
            match state.after(*event) {
                Ok(next) => moves.push((state.as_str(), event.as_str(), next.as_str())),
                Err(illegal) => assert_eq!((illegal.from, illegal.event), (state.as_str(), event.as_str())),
            }
        }
    }
    Table {
        title: "Tasks",
        source: "src/domain/task.rs",
        starts: [Blocked, Pending, Skipped, NeedsAttention].map(TaskState::as_str).to_vec(),
        states: TaskState::ALL.iter().map(|state| state.as_str()).collect(),
        events: TaskEvent::ALL.iter().map(|event| event.as_str()).collect(),
        moves,
        settled: TaskState::ALL
            .iter()
            .filter(|state| state.is_settled())
            .map(|state| state.as_str())
            .collect(),
    }
}

fn sweeps() -> Table {
    let mut moves = Vec::new();
    for state in SweepState::ALL {
        for event in SweepEvent::ALL {
            match state.after(*event) {
                Ok(next) => moves.push((state.as_str(), event.as_str(), next.as_str())),
                Err(illegal) => assert_eq!((illegal.from, illegal.event), (state.as_str(), event.as_str())),
            }
        }
    }
    Table {
        title: "Sweeps",
        source: "src/domain/sweep.rs",
        starts: vec![SweepState::Planning.as_str()],
        states: SweepState::ALL.iter().map(|state| state.as_str()).collect(),
        events: SweepEvent::ALL.iter().map(|event| event.as_str()).collect(),
        moves,
        settled: SweepState::ALL
            .iter()
            .filter(|state| !state.is_open())
            .map(|state| state.as_str())
            .collect(),
    }
}

impl Table {
    fn next(&self, state: &str, event: &str) -> Option<&'static str> {
        self.moves.iter().find(|(from, by, _)| *from == state && *by == event).map(|(_, _, to)| *to)
    }

    /// The ways out of a state: event and where it leads, without those that stay.
    fn exits(&self, state: &str) -> BTreeSet<(&'static str, &'static str)> {
        self.moves
            .iter()
            .filter(|(from, _, to)| *from == state && from != to)
            .map(|(_, by, to)| (*by, *to))
            .collect()
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n| event ↓ in state → |", self.title);
        for state in &self.states {
            let end = if self.settled.contains(state) { " ■" } else { "" };
            let start = if self.starts.contains(state) { "● " } else { "" };
            write!(text, " {start}`{state}`{end} |").expect("a String takes everything");
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(self.states.len()));
        for event in &self.events {
            write!(text, "\n| **{event}** |").expect("a String takes everything");
            for state in &self.states {
                let cell = match self.next(state, event) {
                    None => "·",
                    Some(next) if next == *state => "stays",
                    Some(next) => next,
                };
                write!(text, " {cell} |").expect("a String takes everything");
            }
        }
        text.push('\n');
        text
    }

    /// The moves of the table in the head of the source file.
    fn documented(&self) -> BTreeSet<(String, String, String)> {
        let text = fs::read_to_string(source::top().join(self.source)).expect("the source is there");
        let rows = text.lines().filter_map(|line| line.strip_prefix("//! | "));
        let mut moves = BTreeSet::new();
        for row in rows.filter(|row| !row.starts_with("from ")) {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            for from in cells[0].split(", ") {
                let to = if cells[2].starts_with("the same") { from } else { first_word(cells[2]) };
                moves.insert((from.to_owned(), cells[1].to_owned(), to.to_owned()));
            }
        }
        moves
    }
}

fn first_word(text: &str) -> &str {
    text.split([' ', ',']).next().unwrap_or_default()
}

#[test]
fn the_tables_in_the_source_say_what_the_code_does() {
    let mut faults = Vec::new();
    for table in [cases(), tasks(), sweeps()] {
        let real: BTreeSet<_> =
            table.moves.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        let documented = table.documented();
        for (from, event, to) in real.symmetric_difference(&documented) {
            faults
                .push(format!("{}: the table and the code differ at {from} --{event}--> {to}", table.source));
        }
    }
    report(&faults);
}

#[test]
fn every_state_can_be_reached() {
    for table in [cases(), tasks(), sweeps()] {
        let mut reached: BTreeSet<&str> = table.starts.iter().copied().collect();
        loop {
            let next: BTreeSet<&str> = table
                .moves
                .iter()
                .filter(|(from, _, _)| reached.contains(from))
                .map(|(_, _, to)| *to)
                .collect();
            if next.is_subset(&reached) {
                break;
            }
            reached.extend(next);
        }
        let all: BTreeSet<&str> = table.states.iter().copied().collect();
        assert_eq!(reached, all, "{}: a state that nothing leads to is dead code", table.title);
    }
}

#[test]
fn every_unsettled_state_can_still_settle() {
    for table in [cases(), tasks(), sweeps()] {
        let mut good: BTreeSet<&str> = table.settled.iter().copied().collect();
        while let Some(more) = table.states.iter().find(|state| {
            !good.contains(*state) && table.exits(state).iter().any(|(_, to)| good.contains(to))
        }) {
            good.insert(more);
        }
        assert_eq!(
            good.len(),
            table.states.len(),
            "{}: from some state there is no way to the end",
            table.title
        );
    }
}

#[test]
fn settled_states_have_only_the_documented_ways_out() {
    let exits = |table: &Table| -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
        table.settled.iter().map(|state| (*state, table.exits(state).into_iter().collect())).collect()
    };
    assert_eq!(
        exits(&cases()),
        [
            ("completed", vec![("expire", "expired"), ("reopen", "in_progress")]),
            ("refused", vec![("expire", "expired")]),
            ("cancelled", vec![("expire", "expired")]),
            ("expired", vec![]),
        ]
    );
    assert_eq!(
        exits(&tasks()),
        [
            ("done", vec![]),
            ("skipped", vec![("replan", "blocked")]),
            ("refused", vec![("retry", "pending")]),
            (
                "needs_attention",
                vec![
                    ("cancel", "cancelled"),
                    ("refuse", "refused"),
                    ("replan", "blocked"),
                    ("resolve", "done"),
                    ("retry", "pending"),
                    ("waive", "skipped"),
                ]
            ),
            ("cancelled", vec![]),
        ]
    );
}

#[test]
fn the_printed_states_are_those_of_the_code() {
    let intro = "# States\n\nPrinted from `src/domain/` by `tests/tidy/states.rs`; do not edit. To print it again: \
                 `RIGHTFUL_WRITE_DOCS=1 cargo test --test tidy`.\n\n● a case, task or sweep starts here. ■ nothing more \
                 happens by itself, save that a case expires. `·` is refused and changes nothing.\n";
    let text = format!("{intro}\n{}\n{}\n{}", cases().markdown(), tasks().markdown(), sweeps().markdown());
    printed::compare("docs/states.md", &text);
}
