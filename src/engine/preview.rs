//! Preview: what opening a case would do. Nothing is kept.

use futures::future::join_all;

use super::{Engine, Error, NewPreview, Preview, PreviewTask};
use crate::{
    domain::{Ask, CategoryOutcome, Directive, Subject, TaskState, plan::Planned},
    downstream::Answer,
};

impl Engine {
    /// What would be asked of whom, in which order and until when; of erasures, where it can be, what they would do.
    pub async fn preview(&self, new: NewPreview) -> Result<Preview, Error> {
        let handling = &self.0.settings.handling;
        let regimes = self.check_names(&new.scope, &new.regimes)?;
        for name in self.undescribed(&new.scope) {
            // A preview shows who cannot be planned; it does not wait for them.
            let _ = self.describe(&name).await;
        }
        let planned = self.plan(new.right, &new.subject.kinds(), &new.scope);
        let tasks =
            join_all(planned.into_iter().map(|planned| self.preview_task(planned, &new.subject))).await;
        let now = self.0.clock.now();
        let received_at = new.received_at.unwrap_or(now);
        let clocks = handling.clocks(&regimes, new.right, received_at);
        Ok(Preview {
            tasks,
            due_at: clocks.deadline().unwrap_or(jiff::Timestamp::MAX),
            verification_needed: handling.verification.needed(
                new.right,
                (&regimes, &handling.table),
                &new.channel,
                received_at,
            ),
            approval_needed: handling.approval.contains(&new.right),
            start_at: handling.start_at(new.right, now),
            clocks,
        })
    }

    async fn preview_task(&self, planned: Planned, subject: &Subject) -> PreviewTask {
        let dry_run = match &planned.ask {
            Ask::Erase { directives } if planned.state != TaskState::Skipped => {
                Some(self.dry_run(&planned, directives, subject).await)
            }
            _ => None,
        };
        PreviewTask {
            downstream: planned.downstream,
            ask: planned.ask,
            state: planned.state,
            reason: planned.reason,
            waits_for: planned.waits_for,
            dry_run,
        }
    }

    async fn dry_run(
        &self,
        planned: &Planned,
        directives: &[Directive],
        subject: &Subject,
    ) -> Result<Vec<CategoryOutcome>, String> {
        let known = self.0.directory.get(&planned.downstream).and_then(|known| known.capabilities);
        let (Some(known), Some(client)) = (known, self.0.registry.get(&planned.downstream)) else {
            return Err("has never described itself".to_owned());
        };
        if !known.supports_dry_run {
            return Err("supports no dry run".to_owned());
        }
        let subject = subject.only(&known.understands);
        if subject.is_empty() {
            return Err("waits for identifiers of another downstream".to_owned());
        }
        match client.erase(self.0.clock.new_id(), &subject, directives, true).await {
            Ok(Answer::Done(outcomes)) => Ok(outcomes),
            Ok(Answer::Refused(_)) => Err("would refuse".to_owned()),
            Ok(Answer::Working { .. }) => Err("answered a dry run with working".to_owned()),
            Err(failure) => Err(failure.message),
        }
    }
}
