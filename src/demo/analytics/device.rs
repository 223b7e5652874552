//! Devices: the browsers and phones from which a customer came.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, LegalBasis, Use},
};

/// One device.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) device_id: String,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    pub(super) restricted: bool,
    pub(super) kind: String,
    pub(super) system: String,
    pub(super) browser: String,
    pub(super) first_seen_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "devices".to_owned(),
            title: "Your devices".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#DeviceBased".to_owned(),
            purposes: vec!["Making the shop work on the devices that people have".to_owned()],
            legal_basis: LegalBasis::Consent.into(),
            retention: Some(super::two_years("the last visit")),
            recipients: vec![super::warehouse()],
            origin: "told by your browser".to_owned(),
            json_schema: schema().into(),
            ..Default::default()
        }
    }

    fn id() -> Column {
        Column::Id
    }

    fn owner() -> Column {
        Column::DeviceId
    }

    fn restricted() -> Column {
        Column::Restricted
    }

    fn number(row: &Model) -> i64 {
        row.id
    }

    fn show(row: Model) -> Shown {
        Shown::record(json!({
            "device_id": row.device_id,
            "customer_id": row.customer_id,
            "kind": row.kind,
            "system": row.system,
            "browser": row.browser,
            "first_seen_at": row.first_seen_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.first_seen_at)
    }

    fn uses() -> &'static [Use] {
        &[Use::Profiling]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        vec![(Column::CustomerId, Expr::value(NOBODY))]
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Device",
        [
            ("device_id", schema::text("The number in our cookie")),
            ("customer_id", schema::text("Who signed in on it")),
            ("kind", schema::word("What it is", &super::history::KINDS)),
            ("system", schema::text("Its operating system")),
            ("browser", schema::text("Its browser")),
            ("first_seen_at", schema::moment("When it came first")),
        ],
    )
}
