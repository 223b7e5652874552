//! Grants: which roles callers have, by what their tokens say or by the names in their certificates.

use std::{collections::BTreeSet, sync::Arc};

use super::Claims;
use crate::domain::{Identity, Peer, Role};

/// By what a caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A value of the token's roles claim.
    Claim(String),
    /// The token's name.
    Caller(String),
    /// A URI or DNS name in the certificate.
    Peer(String),
}

/// A role, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub role: Role,
    /// Who.
    pub shown: Shown,
    /// The name of a caller that is known by its certificate; absent: the name in the certificate.
    pub name: Option<String>,
    /// Which downstream it is, of the role of a downstream.
    pub downstream: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub Vec<Grant>);

impl Grants {
    /// Who brings these claims. It may have no role at all.
    pub(super) fn of_token(&self, claims: &Claims) -> Identity {
        let fits = |grant: &&Grant| match &grant.shown {
            Shown::Claim(value) => claims.roles.iter().any(|role| role == value),
            Shown::Caller(name) => claims.name == *name,
            Shown::Peer(_) => false,
        };
        identity(&claims.name, self.0.iter().filter(fits))
    }

    /// Who shows this certificate; absent if nobody granted anything to any of its names.
    pub(super) fn of_peer(&self, peer: &Peer) -> Option<Identity> {
        let fits = |grant: &&Grant| matches!(&grant.shown, Shown::Peer(name) if has(peer, name));
        let first = self.0.iter().find(fits)?;
        let Shown::Peer(shown) = &first.shown else { return None };
        Some(identity(first.name.as_deref().unwrap_or(shown), self.0.iter().filter(fits)))
    }
}

fn has(peer: &Peer, name: &str) -> bool {
    peer.uris.iter().chain(&peer.dns_names).any(|one| one == name)
}

fn identity<'a>(name: &str, grants: impl Iterator<Item = &'a Grant>) -> Identity {
    let (mut roles, mut downstream) = (BTreeSet::new(), None);
    for grant in grants {
        roles.insert(grant.role);
        downstream = downstream.or(grant.downstream.as_deref());
    }
    Identity { name: name.into(), roles, downstream: downstream.map(Arc::from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(role: Role, shown: Shown) -> Grant {
        Grant { role, shown, name: None, downstream: None }
    }

    #[test]
    fn roles_add_up_and_nobody_gets_any_by_chance() {
        let grants = Grants(vec![
            grant(Role::Operator, Shown::Claim("privacy".into())),
            grant(Role::Approver, Shown::Caller("ada".into())),
            Grant {
                name: Some("desk".into()),
                ..grant(Role::Requester, Shown::Peer("spiffe://s/desk".into()))
            },
            grant(Role::Auditor, Shown::Peer("audit.internal".into())),
        ]);
        let claims = |name: &str, roles: &[&str]| Claims {
            name: name.into(),
            roles: roles.iter().map(|role| (*role).into()).collect(),
        };
        let ada = grants.of_token(&claims("ada", &["privacy", "other"]));
        assert_eq!(ada.roles, BTreeSet::from([Role::Operator, Role::Approver]));
        assert!(grants.of_token(&claims("spiffe://s/desk", &["Privacy", "audit.internal"])).roles.is_empty());
        let desk = Peer { uris: vec!["spiffe://s/desk".into()], dns_names: vec!["audit.internal".into()] };
        let desk = grants.of_peer(&desk).unwrap();
        assert_eq!((&*desk.name, desk.roles.len()), ("desk", 2));
        let stranger = Peer { uris: vec!["spiffe://s/desk2".into(), "privacy".into()], dns_names: vec![] };
        assert_eq!(grants.of_peer(&stranger), None);
    }
}
