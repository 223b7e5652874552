//! The calls that change something at a downstream: one RPC for each right, one shape of answer.

use tonic::Code;
use uuid::Uuid;

use super::{
    Answer, Client, Failure,
    answer::read,
    call::method,
    convert::{self, use_code},
};
use crate::{
    domain::{Ask, Correction, Subject, TaskReason},
    proto::downstream::v1,
};

/// A change to be made.
pub struct Change<'a> {
    /// The idempotency key.
    pub call_id: Uuid,
    /// Whose data, by the kinds of identifiers that the downstream understands.
    pub subject: &'a Subject,
    /// What to do.
    pub ask: &'a Ask,
    /// For a rectification: the values of all corrections of the case.
    pub corrections: &'a [Correction],
    /// Change nothing, and say what would become of each category.
    pub dry_run: bool,
}

impl Client {
    /// Has the downstream change what is asked for.
    pub async fn change(&self, change: Change<'_>) -> Result<Answer, Failure> {
        let Change { call_id, subject, ask, corrections, dry_run } = change;
        let (task_id, subject) = (call_id.to_string(), Some(convert::subject(subject)));
        let mut stub = self.stub.clone();
        match ask {
            Ask::Resolve { .. } | Ask::Collect { .. } => {
                Err(Failure::new(TaskReason::Internal, "nothing was to be changed"))
            }
            Ask::Erase { directives } => {
                let directives = convert::directives(directives);
                let request = v1::EraseRequest { task_id, subject, directives, dry_run };
                let call = self.call(method!("Erase"));
                let request = self.asked(&call, request);
                read(self.unary(call, stub.erase(request)).await?, ask)
            }
            Ask::Rectify { fields } => {
                let corrections = convert::corrections(fields, corrections);
                if corrections.len() < fields.len() {
                    return Err(Failure::new(TaskReason::Internal, "a correction's value is gone"));
                }
                let request = v1::RectifyRequest { task_id, subject, corrections, dry_run };
                let call = self.call(method!("Rectify"));
                let request = self.asked(&call, request);
                read(self.unary(call, stub.rectify(request)).await?, ask)
            }
            Ask::Restrict { categories, lift } => {
                let (categories, lift) = (categories.clone(), *lift);
                let request = v1::RestrictRequest { task_id, subject, categories, lift, dry_run };
                let call = self.call(method!("Restrict"));
                let request = self.asked(&call, request);
                read(self.unary(call, stub.restrict(request)).await?, ask)
            }
            Ask::Object { categories, uses } => {
                let uses = uses.iter().map(|each| use_code(*each).into()).collect();
                let categories = categories.clone();
                let request = v1::ObjectRequest { task_id, subject, categories, uses, dry_run };
                let call = self.call(method!("Object"));
                let request = self.asked(&call, request);
                read(self.unary(call, stub.object(request)).await?, ask)
            }
            Ask::WithdrawConsent { categories } => {
                let categories = convert::purposes(categories);
                let request = v1::WithdrawConsentRequest { task_id, subject, categories, dry_run };
                let call = self.call(method!("WithdrawConsent"));
                let request = self.asked(&call, request);
                read(self.unary(call, stub.withdraw_consent(request)).await?, ask)
            }
        }
    }

    /// How a change that was accepted earlier stands. `ask` is what that change was asked for. `None`: the downstream does
    /// not know it (any more), so it has to be sent again.
    pub async fn poll(&self, call_id: Uuid, ask: &Ask) -> Result<Option<Answer>, Failure> {
        let request = v1::GetTaskRequest { task_id: call_id.to_string() };
        let mut stub = self.stub.clone();
        let call = self.call(method!("GetTask"));
        let request = self.asked(&call, request);
        match self.answer(call, stub.get_task(request)).await? {
            Ok(response) => read(response, ask).map(Some),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(Failure::from(&status)),
        }
    }
}
