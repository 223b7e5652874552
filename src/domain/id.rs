//! Ids of cases and tasks. They are UUIDv7 (RFC 9562), made by `clock::Ids`, and say nothing about a person.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $Id:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $Id(pub Uuid);

        impl std::fmt::Display for $Id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $Id {
            type Err = crate::domain::Fault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| crate::domain::Fault::new("", "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"))
            }
        }
    };
}

id!(
    /// The id of a case.
    CaseId
);
id!(
    /// The id of a legal hold.
    HoldId
);
id!(
    /// The id of a retention sweep.
    SweepId
);
id!(
    /// The id of a task, and the idempotency key that its downstream sees first.
    TaskId
);
