//! Contacts: whom we may write to, and about what.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::{Value, json};

use crate::{
    demo::{
        holding::{NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, LegalBasis, Retention, Use},
};

/// One contact.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) subscriber_id: String,
    #[sea_orm(indexed)]
    pub(super) email: String,
    pub(super) restricted: bool,
    pub(super) name: String,
    pub(super) language: String,
    /// A JSON array of words.
    pub(super) interests: String,
    pub(super) subscribed_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "contacts".to_owned(),
            title: "Newsletter subscription".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#EmailAddress".to_owned(),
            purposes: vec!["Sending the newsletter that you asked for".to_owned()],
            legal_basis: LegalBasis::Consent.into(),
            retention: Some(Retention {
                period: "P3Y".to_owned(),
                runs_from: "the last mail that you opened".to_owned(),
                ground: None,
            }),
            recipients: vec![super::mail_sender()],
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
        let interests: Value = serde_json::from_str(&row.interests).unwrap_or_else(|_| json!([]));
        Shown::record(json!({
            "subscriber_id": row.subscriber_id,
            "email": row.email,
            "name": row.name,
            "language": row.language,
            "interests": interests,
            "subscribed_at": row.subscribed_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.subscribed_at)
    }

    fn correctable() -> Vec<(&'static str, Column)> {
        vec![("/email", Column::Email), ("/name", Column::Name), ("/language", Column::Language)]
    }

    fn uses() -> &'static [Use] {
        &[Use::DirectMarketing]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        [Column::Email, Column::Name].map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Newsletter subscription",
        [
            ("subscriber_id", schema::text("Our number for you")),
            ("email", schema::text("Where we write to")),
            ("name", schema::text("How we address you")),
            ("language", schema::text("The language in which we write to you")),
            ("interests", schema::list("What you want to read about", &schema::text("A topic"))),
            ("subscribed_at", schema::moment("When you subscribed")),
        ],
    )
}
