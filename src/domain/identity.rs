//! Who calls, and what it may do: an identity is a name with roles.

use std::{collections::BTreeSet, sync::Arc};

named! {
    /// What a caller may do. Which RPCs a role may call is one table, in `grpc/permission.rs`.
    pub enum Role {
        /// Opens cases and follows those that it has opened, and no others.
        Requester = "requester",
        /// Sees all cases and does the daily work: confirms, retries, resolves, pauses.
        Operator = "operator",
        /// Approves and refuses, places and releases holds. Never approves what it has opened itself.
        Approver = "approver",
        /// Reads everything that is no person's record, and changes nothing.
        Auditor = "auditor",
        /// A downstream: sees what is its own, and nothing of the others.
        Downstream = "downstream",
        /// Everything that any other may, and the care of the installation.
        Admin = "admin",
    }
}

/// A caller as rightful knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name: request ids are unique under it, and limits are counted for it. See [`super::caller`].
    pub name: Arc<str>,
    /// What it may do; nothing if there are none.
    pub roles: BTreeSet<Role>,
    /// Which downstream it is, if it is one.
    pub downstream: Option<Arc<str>>,
}

impl Identity {
    /// Whether it has this role. `admin` has all but `downstream`, which only a downstream can be.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role) || (role != Role::Downstream && self.roles.contains(&Role::Admin))
    }
}

/// What the transport has proven about who is at the other end of a connection: the names in a certificate whose chain was
/// verified. Empty if it brought none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// URIs of its subject alternative names, such as SPIFFE IDs (`spiffe://trust-domain/path`).
    pub uris: Vec<String>,
    /// DNS names of its subject alternative names.
    pub dns_names: Vec<String>,
}

/// What [`is_name`] asks for, in words.
pub const NAME_RULE: &str = "must be 1 to 128 characters of printable ASCII without spaces, and not rightful";

/// Whether a text can name a caller that was identified: what tokens and certificates call it.
pub fn is_name(text: &str) -> bool {
    text != super::caller::OWN
        && (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_tokens_call_people_and_services() {
        for good in ["ada", "ada@shop.example", "system:serviceaccount:shop:settings", "spiffe://shop/desk"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "rightful", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_admin_has_every_role_but_that_of_a_downstream() {
        let admin = Identity { name: "ops".into(), roles: BTreeSet::from([Role::Admin]), downstream: None };
        assert!(Role::ALL.iter().all(|role| admin.has(*role) != (*role == Role::Downstream)));
        let nobody = Identity { roles: BTreeSet::new(), ..admin };
        assert!(!Role::ALL.iter().any(|role| nobody.has(*role)));
    }
}
