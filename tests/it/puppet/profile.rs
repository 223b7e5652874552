//! What kind of downstream a puppet plays.

use std::sync::Arc;

use rightful::{
    clock::Clock,
    proto::downstream::v1::{
        Category, DescribeResponse, Ground, GroundCode, LegalBasis, Recipient, Retention, Right,
    },
};

use tokio_rustls::TlsAcceptor;

use super::Person;

/// A name, a description and the people it knows.
#[derive(Clone)]
pub struct Profile {
    pub name: String,
    pub description: DescribeResponse,
    pub people: Vec<Person>,
    pub token_every: usize,
    pub clock: Option<Arc<dyn Clock>>,
    pub tls: Option<TlsAcceptor>,
}

impl Profile {
    /// A downstream that supports every right and understands these kinds of identifiers.
    pub fn new(name: &str, understands: &[&str]) -> Self {
        let description = DescribeResponse {
            title: format!("The {name} service"),
            understands: understands.iter().map(|kind| (*kind).to_owned()).collect(),
            rights: [
                Right::Access,
                Right::Portability,
                Right::Erasure,
                Right::Rectification,
                Right::Restriction,
                Right::Objection,
                Right::ConsentWithdrawal,
            ]
            .map(i32::from)
            .to_vec(),
            supports_dry_run: true,
            backup_horizon: Some(prost_types::Duration { seconds: 30 * 24 * 3_600, nanos: 0 }),
            ..DescribeResponse::default()
        };
        Self {
            name: name.to_owned(),
            description,
            people: Vec::new(),
            token_every: 0,
            clock: None,
            tls: None,
        }
    }

    /// It knows the time, and erases what is released by then.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// It is reached under TLS only.
    pub fn tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// It can be swept.
    pub fn sweeps(mut self) -> Self {
        self.description.supports_retention_sweep = true;
        self
    }

    /// It can find out identifiers of these kinds.
    pub fn provides(mut self, kinds: &[&str]) -> Self {
        self.description.provides = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        self
    }

    /// It holds this category.
    pub fn category(mut self, category: Category) -> Self {
        self.description.categories.push(category);
        self
    }

    /// It knows this person.
    pub fn person(mut self, person: Person) -> Self {
        self.people.push(person);
        self
    }

    /// It sends a resume token after every so many items.
    pub fn tokens(mut self, every: usize) -> Self {
        self.token_every = every;
        self
    }
}

/// A category with all the facts that a person may know.
pub fn category(name: &str) -> Category {
    Category {
        name: name.to_owned(),
        title: format!("All {name}"),
        dpv_term: "https://w3id.org/dpv/pd#Contact".to_owned(),
        purposes: vec!["Running the shop".to_owned()],
        legal_basis: LegalBasis::Contract.into(),
        retention: Some(Retention {
            period: "P3Y".to_owned(),
            runs_from: "the last order".to_owned(),
            ground: None,
        }),
        recipients: vec![Recipient {
            name: "Parcel Ltd".to_owned(),
            role: "delivers parcels".to_owned(),
            country: "DE".to_owned(),
            safeguard: String::new(),
        }],
        json_schema:
            br#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}"#.as_slice().into(),
        provided_by_subject: true,
        ..Category::default()
    }
}

/// A ground with its source.
pub fn ground(code: GroundCode, source: &str) -> Ground {
    Ground { code: code.into(), source: source.to_owned(), note: "We must keep this.".to_owned() }
}
