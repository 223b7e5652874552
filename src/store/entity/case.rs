//! A row of `cases`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub caller: String,
    pub request_id: String,
    /// The request as given, as versioned JSON: scope, labels, policy version, received time.
    #[sea_orm(column_type = "Text")]
    pub request: String,
    pub right: String,
    pub state: String,
    pub reason: Option<String>,
    pub revision: i64,
    pub opened_at: i64,
    pub received_at: i64,
    pub due_at: i64,
    pub settled_at: Option<i64>,
    pub expires_at: Option<i64>,
    pub pseudonym: String,
    /// A JSON list of identifier kinds.
    #[sea_orm(column_type = "Text")]
    pub kinds: String,
    pub trace_parent: Option<String>,
    /// `plan`, `settle` or `expire`: what the case itself needs next.
    pub work: Option<String>,
    pub attempts: i32,
    /// From when `work` may be claimed: its due time, or the end of the lease of who works on it.
    pub claim_at: i64,
    pub lease_token: Option<Uuid>,
    pub key_id: Option<String>,
    pub key_bytes: Option<Vec<u8>>,
    /// The sealed subject.
    pub subject: Option<Vec<u8>>,
    /// What policy and law make of it, as JSON; absent in cases of older versions.
    #[sea_orm(column_type = "Text", nullable)]
    pub proceedings: Option<String>,
    /// The sealed details: what else is personal.
    pub details: Option<Vec<u8>>,
    /// A digest of right and scope: what makes cases of one subject duplicates. Absent in cases of older versions.
    pub sameness: Option<String>,
    /// Size, digest and name of the export, as JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub export: Option<String>,
    /// The sealed manifest of the export.
    pub manifest: Option<Vec<u8>>,
    /// The receipt, which holds no personal data.
    pub receipt: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
