//! `data/index.html`: the bag for the person it is about. No script; everything that came from outside is escaped.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::contents::{Holding, Service};
use super::disclosure::RIGHTS;
use super::facts::{Facts, LeftOut};
use super::part::Part;
use super::{Error, name, words};
use crate::domain::statement::Standing;
use crate::domain::{Category, Ground};

const TEMPLATE: &str = include_str!("page.html");
/// The template's name in its environment.
const NAME: &str = "page";
/// The template, parsed once: a small case's page takes longer to parse than to render.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template(NAME, TEMPLATE).expect("it is compiled in, and a test renders it");
    environment
});
/// Files of one category that the page links one by one; beyond that it links their folder.
const LINKED_FILES: usize = 50;

#[derive(Serialize)]
struct Page<'a> {
    case_id: String,
    controller: &'a str,
    contact: &'a str,
    complaint_body: &'a str,
    right: &'static str,
    received: String,
    opened: String,
    complete: bool,
    records: String,
    files: String,
    withheld: String,
    services: Vec<ServiceView<'a>>,
    gaps: Vec<String>,
    rights: Vec<(&'static str, &'static str)>,
}

#[derive(Serialize)]
struct ServiceView<'a> {
    anchor: String,
    title: &'a str,
    badge: &'static str,
    tone: &'static str,
    sentence: &'static str,
    ground: Option<GroundView<'a>>,
    holdings: Vec<HoldingView<'a>>,
    /// Categories of the service that are not part of this copy, with the reason.
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct GroundView<'a> {
    because: &'static str,
    note: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct HoldingView<'a> {
    title: &'a str,
    records: Option<Link<'a>>,
    record_count: String,
    file_count: String,
    folder: Option<Link<'a>>,
    files: Vec<Link<'a>>,
    withheld: Vec<WithheldView<'a>>,
    uses: Option<Uses<'a>>,
}

#[derive(Serialize)]
struct Link<'a> {
    url: String,
    name: &'a str,
    size: String,
}

#[derive(Serialize)]
struct WithheldView<'a> {
    description: &'a str,
    count: String,
    ground: GroundView<'a>,
}

#[derive(Serialize)]
struct Uses<'a> {
    purposes: &'a [String],
    basis: Option<&'static str>,
    period: Option<String>,
    runs_from: &'a str,
    ground: Option<GroundView<'a>>,
    recipients: Vec<String>,
    origin: &'a str,
}

/// The page.
pub(super) fn render(facts: &Facts, services: &[Service<'_>]) -> Result<String, Error> {
    let corrupt = || Error::Corrupt("the page's template".to_owned());
    let page = serde_json::to_value(page(facts, services)).map_err(|_| corrupt())?;
    let template = ENVIRONMENT.get_template(NAME).map_err(|_| corrupt())?;
    template.render(value(page)).map_err(|_| corrupt())
}

/// The template engine's serde support is a feature of its own; this is all of it that is needed.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(bool) => Value::from(bool),
        serde_json::Value::Number(number) => Value::from(number.as_u64()),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => items.into_iter().map(value).collect(),
        serde_json::Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.into_iter().map(|(name, field)| (name, value(field))).collect();
            Value::from(fields)
        }
    }
}

fn page<'a>(facts: &'a Facts, services: &'a [Service<'a>]) -> Page<'a> {
    let holdings = || services.iter().flat_map(|service| &service.holdings);
    let sum = |count: fn(&Holding<'_>) -> u64| words::number(holdings().map(count).sum());
    let is_gap = |service: &&Service<'_>| {
        matches!(
            service.statement.standing,
            Standing::Failed | Standing::Refused | Standing::Unconfirmed | Standing::Waived
        )
    };
    Page {
        case_id: facts.case.id.to_string(),
        controller: &facts.controller.name,
        contact: &facts.controller.contact,
        complaint_body: &facts.controller.complaint_body,
        right: words::right(facts.case.right),
        received: words::date(facts.case.received_at),
        opened: words::date(facts.case.opened_at),
        complete: facts.is_complete(),
        records: sum(|holding| holding.result.found.records),
        files: sum(|holding| holding.result.found.files),
        withheld: sum(|holding| holding.result.withheld.iter().map(|withheld| withheld.count).sum()),
        services: services.iter().enumerate().map(|(number, service)| view(facts, number, service)).collect(),
        gaps: services.iter().filter(is_gap).map(|service| service.title.to_owned()).collect(),
        rights: RIGHTS.iter().map(|right| (right.text, right.article)).collect(),
    }
}

fn view<'a>(facts: &'a Facts, number: usize, service: &'a Service<'a>) -> ServiceView<'a> {
    let statement = service.statement;
    ServiceView {
        anchor: format!("service-{}", number + 1),
        title: service.title,
        badge: words::badge(statement.standing),
        tone: words::tone(statement.standing),
        sentence: words::sentence(statement),
        ground: statement.ground.as_ref().map(ground),
        holdings: service.holdings.iter().map(holding).collect(),
        left_out: facts.left_out(&statement.downstream).into_iter().map(left_out).collect(),
    }
}

fn left_out((category, reason): (&Category, LeftOut)) -> String {
    format!("{} ({})", category.title, words::left_out(reason))
}

fn ground(ground: &Ground) -> GroundView<'_> {
    GroundView { because: words::ground(ground.code), note: &ground.note, source: &ground.source }
}

fn holding<'a>(holding: &'a Holding<'a>) -> HoldingView<'a> {
    let result = holding.result;
    let few = holding.files.len() <= LINKED_FILES;
    let withheld = |withheld: &'a crate::domain::Withheld| WithheldView {
        description: &withheld.description,
        count: words::number(withheld.count),
        ground: ground(&withheld.ground),
    };
    let size = holding.files.iter().map(|part| part.length).sum();
    let folder = |path: &'a str| Link { url: url(path), name: "open the folder", size: words::size(size) };
    HoldingView {
        title: holding.title,
        records: holding.records.map(link),
        record_count: words::number(result.found.records),
        file_count: words::number(result.found.files),
        folder: holding.folder().filter(|_| !few).map(folder),
        files: if few { holding.files.iter().copied().map(link).collect() } else { Vec::new() },
        withheld: result.withheld.iter().map(withheld).collect(),
        uses: holding.described.map(uses),
    }
}

/// The path as seen from this page. Percent-encoded, it needs no escaping in the template.
fn url(path: &str) -> String {
    name::url(path.strip_prefix("data/").unwrap_or(path))
}

fn link(part: &Part) -> Link<'_> {
    let name = part.path.rsplit('/').next().unwrap_or_default();
    Link { url: url(&part.path), name, size: words::size(part.length) }
}

fn uses(category: &Category) -> Uses<'_> {
    let recipient = |recipient: &crate::domain::Recipient| {
        let facts = [&recipient.role, &recipient.country, &recipient.safeguard];
        let facts: Vec<&str> =
            facts.into_iter().map(String::as_str).filter(|fact| !fact.is_empty()).collect();
        if facts.is_empty() {
            recipient.name.clone()
        } else {
            format!("{} ({})", recipient.name, facts.join(", "))
        }
    };
    Uses {
        purposes: &category.purposes,
        basis: category.legal_basis.map(words::basis),
        period: category.retention.period.as_ref().map(words::period),
        runs_from: &category.retention.runs_from,
        ground: category.retention.ground.as_ref().map(ground),
        recipients: category.recipients.iter().map(recipient).collect(),
        origin: &category.origin,
    }
}
