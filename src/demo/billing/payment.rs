//! Payments, which are vouchers of the books and kept as long as the invoices.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{NOBODY, Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, Ground, LegalBasis},
};

/// One payment.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) customer_id: String,
    pub(super) restricted: bool,
    pub(super) invoice_number: String,
    pub(super) paid_at: String,
    pub(super) method: String,
    pub(super) currency: String,
    pub(super) amount_cents: i64,
    /// The processor's name for it.
    pub(super) reference: String,
    pub(super) result: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "payments".to_owned(),
            title: "Payments".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Transaction".to_owned(),
            purposes: vec!["Settling invoices".to_owned(), "Book-keeping and taxes".to_owned()],
            legal_basis: LegalBasis::LegalObligation.into(),
            retention: Some(super::book_keeping("end of the payment's year")),
            recipients: vec![super::payment_processor(), super::accountants()],
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
        Shown::record(json!({
            "invoice_number": row.invoice_number,
            "paid_at": row.paid_at,
            "method": row.method,
            "currency": row.currency,
            "amount_cents": row.amount_cents,
            "reference": row.reference,
            "result": row.result,
        }))
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::end_of_year(moment::read(&row.paid_at)?)
    }

    fn fixed_because() -> Ground {
        super::vouchers()
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        // Invoice number and reference would lead back to the person.
        [Column::InvoiceNumber, Column::Reference].map(|column| (column, Expr::value(NOBODY))).into()
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Payment",
        [
            ("invoice_number", schema::text("The invoice that it settles")),
            ("paid_at", schema::moment("When you paid")),
            ("method", schema::text("How you paid")),
            ("currency", schema::currency()),
            ("amount_cents", schema::number("How much, in cents")),
            ("reference", schema::text("The payment processor's reference")),
            ("result", schema::word("What became of it", &super::history::RESULTS)),
        ],
    )
}
