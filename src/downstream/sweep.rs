//! The call of a retention sweep.

use uuid::Uuid;

use super::{Answer, Client, Failure, answer, call::method, convert};
use crate::{
    domain::{Ask, Directive},
    proto::downstream::v1,
};

impl Client {
    /// Has what outlived its period taken away, or tells with `dry_run` what would become of each category.
    pub async fn sweep(
        &self,
        call_id: Uuid,
        directives: &[Directive],
        dry_run: bool,
    ) -> Result<Answer, Failure> {
        let request = v1::SweepRetentionRequest {
            task_id: call_id.to_string(),
            directives: convert::sweep_directives(directives),
            dry_run,
        };
        let mut stub = self.stub.clone();
        let call = self.call(method!("SweepRetention"));
        let request = self.asked(&call, request);
        let response = self.unary(call, stub.sweep_retention(request)).await?;
        // It takes away what an erasure takes away, so its answer is held to the same.
        answer::read(response, &Ask::Erase { directives: directives.to_vec() })
    }
}
