//! Campaign events: which mails were sent, opened, clicked and passed on.

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::{
    demo::{
        holding::{Shown, Table},
        moment, schema,
    },
    proto::downstream::v1::{Category, Ground, GroundCode, LegalBasis, Retention, Use, Withheld},
};

/// One event.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign_event")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) subscriber_id: String,
    pub(super) restricted: bool,
    pub(super) campaign: String,
    pub(super) subject_line: String,
    pub(super) kind: String,
    pub(super) link: Option<String>,
    /// To whom the mail was passed on: somebody else's address.
    pub(super) friend_email: Option<String>,
    pub(super) happened_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    fn category() -> Category {
        Category {
            name: "campaign_events".to_owned(),
            title: "What you did with our mails".to_owned(),
            dpv_term: "https://w3id.org/dpv/pd#Communication".to_owned(),
            purposes: vec!["Writing less of what nobody reads".to_owned()],
            legal_basis: LegalBasis::Consent.into(),
            retention: Some(Retention {
                period: "P3Y".to_owned(),
                runs_from: "the event".to_owned(),
                ground: None,
            }),
            recipients: vec![super::mail_sender()],
            origin: "reported by the service that sends our mails".to_owned(),
            json_schema: schema().into(),
            may_contain_third_party_data: true,
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
        let record = json!({
            "campaign": row.campaign,
            "subject_line": row.subject_line,
            "kind": row.kind,
            "link": row.link,
            "happened_at": row.happened_at,
        });
        let withheld = row.friend_email.map(|_| Withheld {
            category: "campaign_events".to_owned(),
            description: "mail address of somebody to whom you passed the mail on".to_owned(),
            count: 1,
            ground: Some(Ground {
                code: GroundCode::RightsOfOthers.into(),
                source: "GDPR 15(4)".to_owned(),
                note: "The address belongs to another person.".to_owned(),
            }),
        });
        Shown { withheld, ..Shown::record(record) }
    }

    fn kept_from(row: &Model) -> Option<Timestamp> {
        moment::read(&row.happened_at)
    }

    fn uses() -> &'static [Use] {
        &[Use::DirectMarketing, Use::Profiling]
    }

    fn anonymous() -> Vec<(Column, Expr)> {
        vec![(Column::FriendEmail, Expr::value(None::<String>))]
    }
}

fn schema() -> Vec<u8> {
    schema::record(
        "Campaign event",
        [
            ("campaign", schema::text("The campaign")),
            ("subject_line", schema::text("What the mail was about")),
            ("kind", schema::word("What happened", &super::history::KINDS)),
            ("link", schema::optional_text("Where you clicked")),
            ("happened_at", schema::moment("When")),
        ],
    )
}
