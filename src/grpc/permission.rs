//! Who may call what: one table over every RPC. What is not in it nobody may call; a test walks the descriptors.

use crate::domain::{Identity, Role};

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To everything.
    All,
    /// To cases that the caller has opened. Those of others do not exist for it.
    Own,
    /// To the downstream that the caller is.
    Itself,
}

/// One RPC, and who may call it. Nobody named: whoever is known. `admin` may call all of them.
type Row = (&'static str, &'static [(Role, Reach)]);

const REQUESTER: (Role, Reach) = (Role::Requester, Reach::All);
const OWN: (Role, Reach) = (Role::Requester, Reach::Own);
const OPERATOR: (Role, Reach) = (Role::Operator, Reach::All);
const APPROVER: (Role, Reach) = (Role::Approver, Reach::All);
const AUDITOR: (Role, Reach) = (Role::Auditor, Reach::All);
const ITSELF: (Role, Reach) = (Role::Downstream, Reach::Itself);
const ADMIN: (Role, Reach) = (Role::Admin, Reach::All);

/// The table, in the order of the services.
pub const TABLE: &[Row] = &[
    ("rightful.v1.AccessService/GetCaller", &[]),
    ("rightful.v1.AccessService/ListDenials", &[AUDITOR]),
    ("rightful.v1.CaseService/OpenCase", &[REQUESTER, OPERATOR]),
    ("rightful.v1.CaseService/OpenCases", &[REQUESTER, OPERATOR]),
    ("rightful.v1.CaseService/PreviewCase", &[REQUESTER, OPERATOR]),
    ("rightful.v1.CaseService/GetCase", &[OWN, OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.CaseService/ListCases", &[OWN, OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.CaseService/WatchCase", &[OWN, OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.CaseService/CancelCase", &[OWN, OPERATOR]),
    ("rightful.v1.CaseService/RetryTask", &[OPERATOR]),
    ("rightful.v1.CaseService/DownloadExport", &[OWN, OPERATOR]),
    ("rightful.v1.CaseService/GetReceipt", &[OWN, OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.CaseService/ConfirmSubject", &[OWN, OPERATOR]),
    ("rightful.v1.CaseService/ApproveCase", &[APPROVER]),
    ("rightful.v1.CaseService/RefuseCase", &[APPROVER]),
    ("rightful.v1.CaseService/ExtendDeadline", &[OPERATOR]),
    ("rightful.v1.CaseService/AcknowledgeCase", &[OWN, OPERATOR]),
    ("rightful.v1.CaseService/PauseClock", &[OPERATOR]),
    ("rightful.v1.CaseService/ResumeClock", &[OPERATOR]),
    ("rightful.v1.CaseService/GetGuardian", &[OPERATOR, APPROVER]),
    ("rightful.v1.CaseService/ResolveTask", &[OPERATOR]),
    ("rightful.v1.DownstreamService/ListDownstreams", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.DownstreamService/DescribeDownstream", &[OPERATOR, APPROVER, AUDITOR, ITSELF]),
    ("rightful.v1.DownstreamService/CheckDownstream", &[OPERATOR, ITSELF]),
    ("rightful.v1.DownstreamService/PauseDownstream", &[OPERATOR]),
    ("rightful.v1.DownstreamService/ResumeDownstream", &[OPERATOR]),
    ("rightful.v1.HoldService/PlaceHold", &[APPROVER]),
    ("rightful.v1.HoldService/ReleaseHold", &[APPROVER]),
    ("rightful.v1.HoldService/GetHold", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.HoldService/ListHolds", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.NoticeService/ListNotices", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.NoticeService/WatchNotices", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.NoticeService/ListWebhooks", &[OPERATOR, AUDITOR]),
    ("rightful.v1.NoticeService/EnableWebhook", &[ADMIN]),
    ("rightful.v1.RetentionService/PlanSweep", &[OPERATOR, APPROVER]),
    ("rightful.v1.RetentionService/RunSweep", &[APPROVER]),
    ("rightful.v1.RetentionService/DiscardSweep", &[OPERATOR, APPROVER]),
    ("rightful.v1.RetentionService/GetSweep", &[OPERATOR, APPROVER, AUDITOR]),
    ("rightful.v1.RetentionService/ListSweeps", &[OPERATOR, APPROVER, AUDITOR]),
];

/// Whether a call may be made, and how far it goes; otherwise the roles of which one is needed.
pub(super) fn reach(rpc: &str, identity: &Identity) -> Result<Reach, Vec<Role>> {
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == rpc) else { return Err(Vec::new()) };
    if allowed.is_empty() || identity.has(Role::Admin) {
        return Ok(Reach::All);
    }
    let reaches = || allowed.iter().filter(|(role, _)| identity.has(*role)).map(|(_, reach)| *reach);
    let widest = reaches().find(|reach| *reach == Reach::All).or_else(|| reaches().next());
    widest.ok_or_else(|| allowed.iter().map(|(role, _)| *role).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::grpc::rpc;

    #[test]
    fn every_rpc_that_is_served_is_in_the_table_once() {
        let served: BTreeSet<&str> = rpc::names().filter(|name| name.starts_with("rightful.v1.")).collect();
        let listed: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        let once: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(listed.len(), once.len(), "an RPC is listed twice");
        assert_eq!(served, once, "each RPC needs its row: who may call it?");
    }

    #[test]
    fn the_widest_reach_counts_and_without_a_role_there_is_none() {
        let identity = |roles: &[Role]| Identity {
            name: "x".into(),
            roles: roles.iter().copied().collect(),
            downstream: None,
        };
        let get = "rightful.v1.CaseService/GetCase";
        assert_eq!(reach(get, &identity(&[Role::Requester])), Ok(Reach::Own));
        assert_eq!(reach(get, &identity(&[Role::Requester, Role::Auditor])), Ok(Reach::All));
        assert_eq!(reach(get, &identity(&[Role::Admin])), Ok(Reach::All));
        assert_eq!(reach("rightful.v1.AccessService/GetCaller", &identity(&[])), Ok(Reach::All));
        assert!(reach(get, &identity(&[])).is_err());
        assert!(
            reach("rightful.v1.CaseService/New", &identity(&[Role::Admin])).is_err(),
            "closed by default"
        );
    }
}
