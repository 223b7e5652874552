//! Sessions: one visit to the shop each.

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

/// One visit.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) device_id: String,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    pub(super) restricted: bool,
    pub(super) entry_path: String,
    pub(super) referrer: Option<String>,
    pub(super) ip_network: String,
    pub(super) country: String,
    pub(super) started_at: String,
    pub(super) ended_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "sessions".to_owned(),
            title: "Your visits".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Tracking".to_owned(),
            purposes: vec!["Finding out how people come to us".to_owned()],
            legal_basis: LegalBasis::Consent.into(),
            retention: Some(super::two_years("the visit")),
            recipients: vec![super::warehouse()],
            origin: "observed by our web shop".to_owned(),
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
            "session": row.id,
            "device_id": row.device_id,
            "entry_path": row.entry_path,
            "referrer": row.referrer,
            "ip_network": row.ip_network,
            "country": row.country,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.started_at)
    }

    fn uses() -> &'static [Use] {
        &[Use::Profiling]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        [Column::CustomerId, Column::IpNetwork].map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Visit",
        [
            ("session", schema::number("The number of the visit")),
            ("device_id", schema::text("From which of your devices")),
            ("entry_path", schema::text("The page on which you came in")),
            ("referrer", schema::optional_text("The page that sent you")),
            ("ip_network", schema::text("The network that you came from; the full address is never stored")),
            ("country", schema::text("ISO 3166-1 code of the country that you came from")),
            ("started_at", schema::moment("When it began")),
            ("ended_at", schema::moment("When it ended")),
        ],
    )
}
