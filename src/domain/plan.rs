//! The planner: from what is known of a person to the tasks that reach all their data.
//!
//! **Expected flow.** Downstreams that turn known identifiers into wanted ones get a resolve task. Every registered
//! downstream gets one task of what the right asks for (collect, erase, rectify, …): pending, blocked behind what it waits for, or skipped with its reason.
//!
//! **Guarantees.** The waits form no cycle, and point only backwards in the answer's order. Whoever provides an
//! identifier is erased after those who needed it, so that a crash never leaves data that nobody can name any more;
//! where two downstreams need each other, the later resolver is erased first.
//!
//! **Assumptions.** Capabilities are checked; names are unique.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ask, Capabilities, Ground, IdentifierKind, Right, TaskReason, TaskState, Wish, processor};

/// A registered downstream, with its capabilities if it has ever described itself.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it said.
    pub capabilities: Option<&'a Capabilities>,
    /// Set if what is asked of it is left to another controller, for whom it holds its data.
    pub controller: Option<&'a str>,
}

/// A task to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whom it asks.
    pub downstream: String,
    /// What it asks.
    pub ask: Ask,
    /// The identifier kinds that the downstream understands.
    pub understands: BTreeSet<IdentifierKind>,
    /// `Blocked`, `Pending`, `Skipped` or `NeedsAttention`.
    pub state: TaskState,
    /// Why it is skipped or needs attention.
    pub reason: Option<TaskReason>,
    /// The ground of a skip that has one.
    pub ground: Option<Ground>,
    /// Positions in the plan of those that come first.
    pub waits_for: Vec<usize>,
}

type Kinds = BTreeSet<IdentifierKind>;

/// A resolve task to be.
struct Resolver<'a> {
    name: &'a str,
    round: usize,
    understands: Kinds,
    provides: Kinds,
    waits_for: Vec<usize>,
}

/// Plans what is wished.
pub fn plan(wish: &Wish<'_>, registered: &[Registered<'_>]) -> Vec<Planned> {
    let Wish { right, known, .. } = *wish;
    let targets: Vec<(&str, &Capabilities)> = registered
        .iter()
        .filter(|downstream| downstream.controller.is_none())
        .filter_map(|downstream| Some((downstream.name, downstream.capabilities?)))
        .filter(|(name, capabilities)| wish.unasked(name, capabilities).is_none())
        .collect();
    let resolvers = resolvers(known, &wanted(&targets, registered), registered);
    let mut plan: Vec<Planned> = resolvers.iter().map(|resolver| resolve_task(resolver)).collect();

    let mut order: Vec<&Registered<'_>> = registered.iter().collect();
    if right == Right::Erasure {
        order.sort_by_key(|downstream| erasure_order(downstream.name, &resolvers));
    }
    let mut erase_at: BTreeMap<&str, usize> = BTreeMap::new();
    for downstream in order {
        let mut task = target_task(wish, downstream, &resolvers);
        if right == Right::Erasure && task.state != TaskState::Skipped {
            task.waits_for.extend(dependents(downstream.name, &resolvers, &plan, &erase_at));
            task.waits_for.sort_unstable();
            task.waits_for.dedup();
            if task.state == TaskState::Pending && !task.waits_for.is_empty() {
                task.state = TaskState::Blocked;
            }
            erase_at.insert(downstream.name, plan.len());
        }
        plan.push(task);
    }
    plan
}

/// The kinds that are worth finding out: those that a target understands, and those that lead to them.
fn wanted(targets: &[(&str, &Capabilities)], registered: &[Registered<'_>]) -> Kinds {
    let mut wanted: Kinds =
        targets.iter().flat_map(|(_, capabilities)| capabilities.understands.iter().cloned()).collect();
    loop {
        let before = wanted.len();
        for capabilities in registered.iter().filter_map(|downstream| downstream.capabilities) {
            if !capabilities.provides.is_disjoint(&wanted) {
                wanted.extend(capabilities.understands.iter().cloned());
            }
        }
        if wanted.len() == before {
            return wanted;
        }
    }
}

/// The resolve tasks, round by round: a resolver of one round understands something known or provided in rounds before.
fn resolvers<'a>(known: &Kinds, wanted: &Kinds, registered: &[Registered<'a>]) -> Vec<Resolver<'a>> {
    let mut found: Vec<Resolver<'a>> = Vec::new();
    let mut reachable = known.clone();
    loop {
        let round = found.last().map_or(1, |resolver| resolver.round + 1);
        let mut next = Vec::new();
        for downstream in registered {
            let Some(capabilities) = downstream.capabilities else { continue };
            let provides: Kinds = capabilities
                .provides
                .iter()
                .filter(|k| wanted.contains(k) && !known.contains(k))
                .cloned()
                .collect();
            let scheduled = found.iter().any(|resolver| resolver.name == downstream.name);
            let is_others = downstream.controller.is_some();
            if scheduled
                || is_others
                || provides.is_empty()
                || capabilities.understands.is_disjoint(&reachable)
            {
                continue;
            }
            let waits_for = if capabilities.understands.is_disjoint(known) {
                providers(&capabilities.understands, &found)
            } else {
                Vec::new()
            };
            let understands = capabilities.understands.clone();
            next.push(Resolver { name: downstream.name, round, understands, provides, waits_for });
        }
        if next.is_empty() {
            return found;
        }
        reachable.extend(next.iter().flat_map(|resolver| resolver.provides.iter().cloned()));
        found.extend(next);
    }
}

/// Positions of the resolvers that provide one of these kinds.
fn providers(kinds: &Kinds, resolvers: &[Resolver<'_>]) -> Vec<usize> {
    let provides = |resolver: &Resolver<'_>| !resolver.provides.is_disjoint(kinds);
    resolvers.iter().enumerate().filter(|(_, r)| provides(r)).map(|(position, _)| position).collect()
}

fn resolve_task(resolver: &Resolver<'_>) -> Planned {
    Planned {
        downstream: resolver.name.to_owned(),
        ask: Ask::Resolve { wanted: resolver.provides.iter().cloned().collect() },
        understands: resolver.understands.clone(),
        state: if resolver.waits_for.is_empty() { TaskState::Pending } else { TaskState::Blocked },
        reason: None,
        ground: None,
        waits_for: resolver.waits_for.clone(),
    }
}

fn target_task(wish: &Wish<'_>, downstream: &Registered<'_>, resolvers: &[Resolver<'_>]) -> Planned {
    let Wish { known, scope, .. } = *wish;
    let nobody = Capabilities::default();
    let capabilities = downstream.capabilities.unwrap_or(&nobody);
    let ask = wish.ask(downstream.name, &wish.categories(downstream.name, capabilities));
    let mut waits_for = providers(&capabilities.understands, resolvers);
    waits_for.extend(resolvers.iter().position(|resolver| resolver.name == downstream.name));
    let unknown = waits_for.is_empty() && capabilities.understands.is_disjoint(known);
    let (state, reason) = match downstream.capabilities {
        None if !scope.includes(downstream.name) => (TaskState::Skipped, Some(TaskReason::OutOfScope)),
        None => (TaskState::NeedsAttention, Some(TaskReason::NotDescribed)),
        Some(capabilities) => match wish.unasked(downstream.name, capabilities) {
            Some(TaskReason::OutOfScope) => (TaskState::Skipped, Some(TaskReason::OutOfScope)),
            _ if downstream.controller.is_some() => (TaskState::Skipped, Some(TaskReason::HeldForAnother)),
            Some(reason) => (TaskState::Skipped, Some(reason)),
            None if unknown => (TaskState::Skipped, Some(TaskReason::NoKnownIdentifier)),
            None if waits_for.is_empty() => (TaskState::Pending, None),
            None => (TaskState::Blocked, None),
        },
    };
    if state != TaskState::Blocked {
        waits_for.clear();
    }
    waits_for.sort_unstable();
    waits_for.dedup();
    let understands = capabilities.understands.clone();
    let is_forwarded = reason == Some(TaskReason::HeldForAnother);
    let ground = downstream.controller.filter(|_| is_forwarded).map(processor::ground);
    Planned { downstream: downstream.name.to_owned(), ask, understands, state, reason, ground, waits_for }
}

/// Those who provide nothing first, then the resolvers from the last round to the first.
fn erasure_order<'a>(name: &'a str, resolvers: &[Resolver<'_>]) -> (usize, &'a str) {
    let rounds = resolvers.last().map_or(0, |resolver| resolver.round);
    let place = resolvers.iter().find(|r| r.name == name).map_or(0, |resolver| rounds + 1 - resolver.round);
    (place, name)
}

/// Positions of the erase tasks, planned already, that need what `name` provides.
fn dependents(
    name: &str,
    resolvers: &[Resolver<'_>],
    plan: &[Planned],
    erase_at: &BTreeMap<&str, usize>,
) -> Vec<usize> {
    let Some(own) = resolvers.iter().position(|resolver| resolver.name == name) else { return Vec::new() };
    let needs_own = |position: &usize| plan[*position].waits_for.contains(&own);
    erase_at.values().copied().filter(needs_own).collect()
}

#[cfg(test)]
mod tests;
