//! Invoices, which the law makes us keep. The latest one of a customer is there as a document too.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::{Value, json};

use crate::{
    demo::{
        holding::{File, NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, Ground, LegalBasis},
};

/// One invoice.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    #[sea_orm(indexed)]
    pub(super) billed_email: String,
    pub(super) restricted: bool,
    pub(super) number: String,
    pub(super) issued_at: String,
    pub(super) billed_name: String,
    pub(super) billed_address: String,
    /// A JSON array of lines.
    pub(super) lines: String,
    pub(super) currency: String,
    pub(super) net_cents: i64,
    pub(super) tax_cents: i64,
    pub(super) total_cents: i64,
    /// The printed invoice, plain text.
    pub(super) document: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "invoices".to_owned(),
            title: "Invoices".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Purchase".to_owned(),
            purposes: vec!["Charging for orders".to_owned(), "Book-keeping and taxes".to_owned()],
            legal_basis: LegalBasis::LegalObligation.into(),
            retention: Some(super::book_keeping("end of the invoice's year")),
            recipients: vec![super::accountants()],
            json_schema: schema().into(),
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
        let lines: Value = serde_json::from_str(&row.lines).unwrap_or_else(|_| json!([]));
        let file = row.document.map(|document| File {
            name: format!("invoice-{}.txt", row.number),
            media_type: "text/plain; charset=utf-8",
            bytes: document.into_bytes(),
        });
        let record = json!({
            "number": row.number,
            "issued_at": row.issued_at,
            "billed_to": { "name": row.billed_name, "email": row.billed_email, "address": row.billed_address },
            "lines": lines,
            "currency": row.currency,
            "net_cents": row.net_cents,
            "tax_cents": row.tax_cents,
            "total_cents": row.total_cents,
        });
        Shown { file, ..Shown::record(record) }
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::end_of_year(moment::read(&row.issued_at)?)
    }

    fn fixed_because() -> Ground {
        super::vouchers()
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        let personal = [Column::BilledEmail, Column::BilledName, Column::BilledAddress];
        let mut changes: Vec<_> = personal.map(|column| (column, Expr::value(NOBODY))).into();
        changes.push((Column::Document, Expr::value(None::<String>)));
        changes
    }
}

fn schema() -> Vec<u8> {
    let line = schema::object([
        ("article", schema::text("What you bought")),
        ("quantity", schema::number("How many")),
        ("unit_cents", schema::number("Price of one, without tax, in cents")),
    ]);
    schema::record(
        "Invoice",
        [
            ("number", schema::text("The invoice number")),
            ("issued_at", schema::moment("When we issued it")),
            (
                "billed_to",
                schema::object([
                    ("name", schema::text("Your name")),
                    ("email", schema::text("Your mail address")),
                    ("address", schema::text("Your address at that time")),
                ]),
            ),
            ("lines", schema::list("What you bought", &line)),
            ("currency", schema::currency()),
            ("net_cents", schema::number("Without tax, in cents")),
            ("tax_cents", schema::number("Value-added tax, in cents")),
            ("total_cents", schema::number("What you paid, in cents")),
        ],
    )
}
