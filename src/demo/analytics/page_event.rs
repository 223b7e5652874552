//! Page events: every page that was looked at, searched on or bought from. By far the largest table.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, LegalBasis, Use},
};

/// One event.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "page_event")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) device_id: String,
    pub(super) restricted: bool,
    pub(super) session: i64,
    pub(super) kind: String,
    pub(super) path: String,
    pub(super) search: Option<String>,
    pub(super) dwell_ms: i64,
    pub(super) happened_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "page_events".to_owned(),
            title: "Pages that you looked at".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Tracking".to_owned(),
            purposes: vec!["Finding out which pages help and which do not".to_owned()],
            legal_basis: LegalBasis::Consent.into(),
            retention: Some(super::two_years("the event")),
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
            "session": row.session,
            "kind": row.kind,
            "path": row.path,
            "search": row.search,
            "dwell_ms": row.dwell_ms,
            "happened_at": row.happened_at,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.happened_at)
    }

    fn uses() -> &'static [Use] {
        &[Use::Profiling]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        // What somebody searched for can tell who it was, and the visit would tie the pages together again.
        vec![(Column::Search, Expr::value(None::<String>)), (Column::Session, Expr::value(0))]
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Page event",
        [
            ("session", schema::number("The visit that it belongs to")),
            ("kind", schema::word("What you did", &super::history::EVENTS)),
            ("path", schema::text("The page")),
            ("search", schema::optional_text("What you searched for")),
            ("dwell_ms", schema::number("How long you stayed, in milliseconds")),
            ("happened_at", schema::moment("When")),
        ],
    )
}
