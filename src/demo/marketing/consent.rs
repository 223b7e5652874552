//! Consents: what somebody agreed to or took back, when, and to which words.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, LegalBasis, Retention},
};

/// One decision.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) subscriber_id: String,
    #[sea_orm(indexed)]
    pub(super) email: String,
    pub(super) restricted: bool,
    pub(super) purpose: String,
    pub(super) decision: String,
    /// Which version of the text the person saw.
    pub(super) wording: String,
    pub(super) channel: String,
    pub(super) ip_address: String,
    pub(super) decided_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "consents".to_owned(),
            title: "Consents".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#PrivacyPreference".to_owned(),
            purposes: vec!["Proving what you agreed to (GDPR 7(1))".to_owned()],
            legal_basis: LegalBasis::LegitimateInterests.into(),
            retention: Some(Retention {
                period: "P3Y".to_owned(),
                runs_from: "the decision".to_owned(),
                ground: None,
            }),
            json_schema: schema().into(),
            provided_by_subject: true,
            ..Default::default()
        }
    }

    fn id() -> Column {
        Column::Id
    }

    fn owner() -> Column {
        Column::SubscriberId
    }

    fn restricted() -> Column {
        Column::Restricted
    }

    fn number(row: &Model) -> i64 {
        row.id
    }

    fn show(row: Model) -> Shown {
        Shown::record(json!({
            "email": row.email,
            "purpose": row.purpose,
            "decision": row.decision,
            "wording": row.wording,
            "channel": row.channel,
            "ip_address": row.ip_address,
            "decided_at": row.decided_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.decided_at)
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        [Column::Email, Column::IpAddress].map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Consent",
        [
            ("email", schema::text("The address that it is about")),
            ("purpose", schema::word("What for", &super::history::PURPOSES)),
            ("decision", schema::word("What you decided", &super::history::DECISIONS)),
            ("wording", schema::text("The version of the text that you saw")),
            ("channel", schema::word("Where you decided", &super::history::CHANNELS)),
            ("ip_address", schema::text("From which address")),
            ("decided_at", schema::moment("When")),
        ],
    )
}
