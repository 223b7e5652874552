//! What an outage of the database or the storage looks like from outside, and what must be true after it.

use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseReason, CaseState},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{ADA, World, opening, soon};
use crate::puppet::{Fault, Method};

impl World {
    /// Waits until health says this of a name. The server as a whole is alive meanwhile.
    pub async fn health(&self, service: &str, expected: ServingStatus) {
        let mut health = HealthClient::new(self.channel());
        let request = HealthCheckRequest { service: service.into() };
        let mut watch = health.watch(request).await.expect("health can be watched").into_inner();
        soon("health to change", async {
            while let Some(answer) = watch.message().await.expect("the watch goes on") {
                if answer.status() == expected {
                    return;
                }
            }
            panic!("the watch of {service} ended");
        })
        .await;
        let request = HealthCheckRequest { service: String::new() };
        let answer = health.check(request).await.expect("it is alive").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "an outage is no reason to be restarted");
    }

    /// Opens an erasure case that stands still where marketing counts what it has: with `heal`, it goes on.
    pub async fn half_way(&self) -> String {
        self.puppet("marketing").always(Method::Collect, Fault::Hang);
        let opened = self.open(opening(Right::Erasure, &[ADA])).await;
        self.puppet("marketing").called(Method::Collect, 1).await;
        opened.case_id
    }

    /// Fails unless the case ends right, each effect once, and new ones are taken.
    pub async fn assert_nothing_lost(&self, case_id: &str) {
        let case = soon("the case to settle after the outage", async {
            loop {
                // A watch that meets the end of the outage may still be refused.
                let case = self.case(case_id).await;
                if case.state() != CaseState::InProgress {
                    break case;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
        for name in self.names() {
            let own = case.tasks.iter().filter(|task| task.downstream == name);
            let erasures = own.filter(|task| task.kind() == rightful::proto::v1::TaskKind::Erase);
            self.puppet(&name).assert_each_effect_once(erasures.map(|task| task.call_id.as_str()));
        }
        assert_eq!(self.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    }

    /// Fails unless the log says once that this began to fail, and once that it is over.
    pub fn assert_said_once(&self, what: &str) {
        let log = std::fs::read(self.dir().join("server.log")).expect("the binary logs");
        let log = String::from_utf8_lossy(&log).into_owned();
        for said in ["an outage began", "the outage is over"] {
            let lines: Vec<&str> =
                log.lines().filter(|line| line.contains(said) && line.contains(what)).collect();
            assert_eq!(lines.len(), 1, "{said}: {lines:#?}");
        }
        let others: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
        assert_eq!(others.len(), 1, "the outage is the one error: {others:#?}");
    }
}
