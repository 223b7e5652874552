//! Customers: the account itself.

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

/// One customer.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    #[sea_orm(indexed)]
    pub(super) email: String,
    pub(super) restricted: bool,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) street: String,
    pub(super) postcode: String,
    pub(super) city: String,
    pub(super) country: String,
    pub(super) language: String,
    pub(super) joined_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "customers".to_owned(),
            title: "Customer account".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Contact".to_owned(),
            purposes: vec!["Delivering orders".to_owned(), "Answering questions about them".to_owned()],
            legal_basis: LegalBasis::Contract.into(),
            retention: Some(Retention {
                runs_from: "closing of the account".to_owned(),
                ..Default::default()
            }),
            recipients: vec![super::payment_processor()],
            json_schema: schema().into(),
            provided_by_subject: true,
            ..Default::default()
        }
    }

    fn id() -> Column {
        Column::Id
    }

    fn owner() -> Column {
        Column::CustomerId
    }

    fn restricted() -> Column {
        Column::Restricted
    }

    fn number(row: &Model) -> i64 {
        row.id
    }

    fn show(row: Model) -> Shown {
        Shown::record(json!({
            "customer_id": row.customer_id,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "address": {
                "street": row.street,
                "postcode": row.postcode,
                "city": row.city,
                "country": row.country,
            },
            "language": row.language,
            "joined_at": row.joined_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.joined_at)
    }

    fn correctable() -> Vec<(&'static str, Column)> {
        vec![
            ("/name", Column::Name),
            ("/email", Column::Email),
            ("/phone", Column::Phone),
            ("/address/street", Column::Street),
            ("/address/postcode", Column::Postcode),
            ("/address/city", Column::City),
            ("/address/country", Column::Country),
            ("/language", Column::Language),
        ]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        let personal =
            [Column::Email, Column::Name, Column::Phone, Column::Street, Column::Postcode, Column::City];
        personal.map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Customer account",
        [
            ("customer_id", schema::text("Our number for you")),
            ("name", schema::text("Your name")),
            ("email", schema::text("Your mail address")),
            ("phone", schema::text("Your phone number, E.164")),
            (
                "address",
                schema::object([
                    ("street", schema::text("Street and house number")),
                    ("postcode", schema::text("Postal code")),
                    ("city", schema::text("City")),
                    ("country", schema::text("ISO 3166-1 code of the country")),
                ]),
            ),
            ("language", schema::text("The language in which we write to you")),
            ("joined_at", schema::moment("When you opened the account")),
        ],
    )
}
