//! A year in seconds: the clock is a parameter, so a year of cases, deadlines and expiries takes no time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::{Clock as _, ManualClock},
    proto::{
        downstream::v1::Right,
        v1::{CaseReason, CaseState, ListCasesRequest, PauseDownstreamRequest, ResumeDownstreamRequest},
    },
};

use crate::{
    harness::{ADA, Builder, World, opening, people_services, soon},
    puppet::{Fault, Method},
};

/// Days on which marketing is away, 40 in a row: longer than a case may take.
const AWAY: std::ops::Range<i64> = 100..140;

async fn count(world: &World, state: CaseState) -> usize {
    let mut found = 0;
    let mut request = ListCasesRequest { page_size: 500, states: vec![state.into()], ..Default::default() };
    loop {
        let page = world.cases().list_cases(request.clone()).await.expect("they can be listed").into_inner();
        found += page.cases.len();
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn a_year_of_cases_settles_and_expires_on_its_days() {
    let begin = "2026-01-01T08:00:00Z".parse::<Timestamp>().unwrap();
    let clock = Arc::new(ManualClock::new(begin));
    let world = Builder::new(people_services()).clock(clock.clone()).start().await;
    let day = SignedDuration::from_hours(24);
    let mut waiting = Vec::new();
    let (mut opened, mut partial) = (0, 0);
    for number in 0..365 {
        if number == AWAY.start {
            let request = PauseDownstreamRequest { name: "marketing".into(), note: "away".into() };
            world.downstreams().pause_downstream(request).await.unwrap();
        }
        if number == AWAY.end {
            let request = ResumeDownstreamRequest { name: "marketing".into() };
            world.downstreams().resume_downstream(request).await.unwrap();
        }
        if number % 7 == 3 {
            world.puppet("billing").next(Method::Collect, Fault::LoseResponse);
        }
        if number % 3 == 0 {
            let case = world.open(opening(Right::Access, &[ADA])).await;
            opened += 1;
            waiting.push((number, case.case_id));
        }
        let is_away = AWAY.contains(&number);
        // Who can settle has settled before the day is over; who waits for marketing settles on the day it is due.
        let mut still = Vec::new();
        for (opened_on, case_id) in waiting {
            if is_away && number < opened_on + 30 {
                still.push((opened_on, case_id));
                continue;
            }
            let case = soon("a case of the year", world.settled(&case_id)).await;
            let was_late = is_away && number >= opened_on + 30;
            let expected = if was_late { CaseReason::PartiallyFulfilled } else { CaseReason::Fulfilled };
            assert_eq!(case.reason(), expected, "opened on day {opened_on}, settled on day {number}");
            partial += usize::from(was_late);
        }
        waiting = still;
        clock.advance(day);
    }
    assert!(partial > 0 && waiting.is_empty());
    // 31 days after the last one, nothing personal is left of any.
    clock.advance(day * 31);
    let all_expired = async {
        while count(&world, CaseState::Expired).await < opened {
            tokio::task::yield_now().await;
        }
    };
    soon("all cases to expire", all_expired).await;
    assert_eq!(count(&world, CaseState::InProgress).await, 0);
    let left = std::fs::read_dir(world.dir().join("objects/cases")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no object of any case is left");
    assert!(clock.now() > begin + day * 365);
    world.finish().await;
}
