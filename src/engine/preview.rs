//! Preview: what opening a case would do. Nothing is kept.

use futures::future::join_all;

use super::{Engine, Error, NewPreview, Preview, PreviewTask};
use crate::{
    domain::{Ask, CategoryOutcome, TaskState, Wish, plan::Planned},
    downstream::{Answer, Change},
};

impl Engine {
    /// What would be asked of whom, in which order and until when; of changes, where it can be, what they would do.
    pub async fn preview(&self, new: NewPreview) -> Result<Preview, Error> {
        let handling = &self.0.settings.handling;
        let regimes = self.check_names(&new.scope, &new.regimes)?;
        self.check_particulars(new.right, &new.scope, &new.particulars)?;
        for name in self.undescribed(&new.scope) {
            // A preview shows who cannot be planned; it does not wait for them.
            let _ = self.describe(&name).await;
        }
        let planned = self.plan(&Wish {
            right: new.right,
            particulars: &new.particulars,
            scope: &new.scope,
            known: &new.subject.kinds(),
        });
        let tasks = join_all(planned.into_iter().map(|planned| self.preview_task(planned, &new))).await;
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
            holds: self.holds_on(&new.subject).await?,
        })
    }

    async fn preview_task(&self, planned: Planned, new: &NewPreview) -> PreviewTask {
        let changes = !matches!(planned.ask, Ask::Resolve { .. } | Ask::Collect { .. });
        let dry_run = if changes && planned.state != TaskState::Skipped {
            Some(self.dry_run(&planned, new).await)
        } else {
            None
        };
        PreviewTask {
            downstream: planned.downstream,
            ask: planned.ask,
            state: planned.state,
            reason: planned.reason,
            ground: planned.ground,
            waits_for: planned.waits_for,
            dry_run,
        }
    }

    async fn dry_run(&self, planned: &Planned, new: &NewPreview) -> Result<Vec<CategoryOutcome>, String> {
        let known = self.0.directory.get(&planned.downstream).and_then(|known| known.capabilities);
        let (Some(known), Some(client)) = (known, self.0.registry.get(&planned.downstream)) else {
            return Err("has never described itself".to_owned());
        };
        if !known.supports_dry_run {
            return Err("supports no dry run".to_owned());
        }
        let subject = new.subject.only(&known.understands);
        if subject.is_empty() {
            return Err("waits for identifiers of another downstream".to_owned());
        }
        let change = Change {
            call_id: self.0.clock.new_id(),
            subject: &subject,
            ask: &planned.ask,
            corrections: &new.details.corrections,
            dry_run: true,
        };
        match client.change(change).await {
            Ok(Answer::Done(outcomes)) => Ok(outcomes),
            Ok(Answer::Refused(_)) => Err("would refuse".to_owned()),
            Ok(Answer::Working { .. }) => Err("answered a dry run with working".to_owned()),
            Err(failure) => Err(failure.message),
        }
    }
}
