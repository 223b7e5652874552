//! Payment methods: the person may see all of a card but its number.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, Ground, GroundCode, LegalBasis, Retention, Withheld},
};

/// One card.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_method")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    pub(super) restricted: bool,
    pub(super) brand: String,
    pub(super) card_number: String,
    pub(super) holder: String,
    pub(super) expires: String,
    pub(super) preferred: bool,
    pub(super) added_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "payment_methods".to_owned(),
            title: "Payment methods".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#PaymentCard".to_owned(),
            purposes: vec!["Charging for orders".to_owned()],
            legal_basis: LegalBasis::Contract.into(),
            retention: Some(Retention {
                period: "P13M".to_owned(),
                runs_from: "the last payment with it".to_owned(),
                ground: None,
            }),
            recipients: vec![super::payment_processor()],
            json_schema: schema().into(),
            provided_by_subject: true,
            may_contain_credentials: true,
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
        let digits = row.card_number.len();
        let record = json!({
            "brand": row.brand,
            "last_four": row.card_number.get(digits.saturating_sub(4)..).unwrap_or_default(),
            "holder": row.holder,
            "expires": row.expires,
            "preferred": row.preferred,
            "added_at": row.added_at,
        });
        let withheld = Withheld {
            category: "payment_methods".to_owned(),
            description: "card number".to_owned(),
            count: 1,
            ground: Some(Ground {
                code: GroundCode::Credentials.into(),
                source: "GDPR 32(1)".to_owned(),
                note: "Whoever has the number can pay with it, so it never leaves our vault.".to_owned(),
            }),
        };
        Shown { withheld: Some(withheld), ..Shown::record(record) }
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.added_at)
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        [Column::CardNumber, Column::Holder].map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Payment method",
        [
            ("brand", schema::text("Who issued the card")),
            ("last_four", schema::text("The last four digits of its number")),
            ("holder", schema::text("The name on it")),
            ("expires", schema::text("The month in which it ends, as YYYY-MM")),
            ("preferred", schema::truth("Whether it is charged first")),
            ("added_at", schema::moment("When you added it")),
        ],
    )
}
