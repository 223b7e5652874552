//! What the fuzzers call: everything that downstreams send, decoded and checked. Only built for them.

use prost::Message;

use super::{
    Counts, answer,
    check::{self, Progress},
    convert, describe,
};
use crate::{
    domain::{Action, Ask, CategoryPurposes, Directive, DirectiveSource, IdentifierKind, Use, task::Field},
    proto::downstream::v1,
};

/// A stream of collected data: messages, each behind its length.
pub fn collected(data: &[u8]) {
    let mut progress = Progress::new(&["invoices".to_owned(), "letters".to_owned()], Counts::default());
    let mut rest = data;
    while let Ok(message) = v1::CollectResponse::decode_length_delimited(&mut rest) {
        if progress.admit(message).is_err() || rest.is_empty() {
            break;
        }
    }
    drop(progress.end());
}

/// An answer: its first byte says to what, the rest is the message.
pub fn answered(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let categories = || vec!["invoices".to_owned()];
    let directive = Directive {
        category: "invoices".to_owned(),
        action: Action::Retain,
        ground: None,
        period: None,
        source: DirectiveSource::Default,
    };
    let field = Field { correction: 0, category: "invoices".to_owned(), field: "/name".to_owned() };
    match which % 10 {
        0 => drop(v1::DescribeResponse::decode(bytes).map(|said| describe::capabilities("fuzz", said))),
        1 => {
            let wanted: Vec<IdentifierKind> = IdentifierKind::new("customer_id").into_iter().collect();
            let said = v1::ResolveIdentifiersResponse::decode(bytes);
            drop(said.map(|said| convert::identifiers(said, &wanted)));
        }
        2 => read::<v1::EraseResponse>(bytes, &Ask::Erase { directives: vec![directive] }),
        3 => read::<v1::RectifyResponse>(bytes, &Ask::Rectify { fields: vec![field] }),
        4 => read::<v1::RestrictResponse>(bytes, &Ask::Restrict { categories: categories(), lift: false }),
        6 => read::<v1::SweepRetentionResponse>(bytes, &Ask::Erase { directives: vec![directive] }),
        7 => {
            let purposes =
                CategoryPurposes { category: "invoices".to_owned(), purposes: vec!["news".to_owned()] };
            read::<v1::WithdrawConsentResponse>(bytes, &Ask::WithdrawConsent { categories: vec![purposes] });
        }
        8 => read::<v1::GetTaskResponse>(bytes, &Ask::Rectify { fields: vec![field] }),
        9 => drop(v1::ResumeToken::decode(bytes).map(check::resume_token)),
        _ => {
            let ask = Ask::Object { categories: categories(), uses: vec![Use::DirectMarketing] };
            read::<v1::ObjectResponse>(bytes, &ask);
        }
    }
}

fn read<R: Message + Default + answer::Reply>(bytes: &[u8], ask: &Ask) {
    drop(R::decode(bytes).map(|reply| answer::read(reply, ask)));
}
