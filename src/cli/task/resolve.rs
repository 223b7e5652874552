//! `rightful task resolve`.

use clap::Args;

use super::upload::Source;
use crate::{
    cli::{
        Global,
        case::view,
        client::Client,
        exit::Failure,
        output::{self, Format},
        time,
    },
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{CategoryOutcome, Ground, GroundCode, Outcome, Refusal, Retained},
        v1::{
            NothingHeld, ResolveTaskRequest, TaskResolution, Waiver, resolve_task_request::Item,
            task_resolution::Outcome as Said,
        },
    },
};

#[derive(Args)]
#[command(group(clap::ArgGroup::new("outcome").required(true).args(["done", "nothing_held", "refuse", "waive"])))]
pub(in crate::cli) struct Arguments {
    /// The task's id, as `case get` shows it.
    #[arg(value_name = "TASK_ID")]
    task_id: String,
    /// It is done. With --records and --file for what was found, or with counts for an erasure.
    #[arg(long)]
    done: bool,
    /// There is nothing of the subject.
    #[arg(long)]
    nothing_held: bool,
    /// It is refused on this ground, such as legal_claims.
    #[arg(long, value_name = "GROUND")]
    refuse: Option<String>,
    /// It is not done, and nobody will. Needs --note.
    #[arg(long, requires = "note")]
    waive: bool,
    /// Why. Stored in clear: no personal data.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// The law and article of the grounds.
    #[arg(long, value_name = "TEXT", default_value = "")]
    source: String,
    /// Records of a category, one JSON object on each line; repeatable.
    #[arg(long = "records", value_name = "CATEGORY=FILE", requires = "done")]
    records: Vec<String>,
    /// A file of a category; repeatable.
    #[arg(long = "file", value_name = "CATEGORY=FILE", requires = "done")]
    files: Vec<String>,
    /// Records of a category that were erased; repeatable, as are the next ones.
    #[arg(long, value_name = "CATEGORY=COUNT", requires = "done")]
    erased: Vec<String>,
    /// Records that were made nobody's.
    #[arg(long, value_name = "CATEGORY=COUNT", requires = "done")]
    anonymised: Vec<String>,
    /// Records that are kept unused.
    #[arg(long, value_name = "CATEGORY=COUNT", requires = "done")]
    restricted: Vec<String>,
    /// Records that are kept on a ground, until a time if there is one.
    #[arg(long, value_name = "CATEGORY=COUNT/GROUND[/TIME]", requires = "done")]
    retained: Vec<String>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let outcome = outcome(&arguments)?;
    let records = arguments.records.iter().map(|text| Source::records(text));
    let files = arguments.files.iter().map(|text| Source::file(text));
    let sources = records.chain(files).collect::<Result<Vec<_>, _>>()?;
    let said = TaskResolution { task_id: arguments.task_id, outcome: Some(outcome), note: arguments.note };
    let first = ResolveTaskRequest { item: Some(Item::Resolution(said)) };
    let messages = std::iter::once(first).chain(sources.into_iter().flat_map(Source::messages));
    let mut client = Client::connect(global).await?;
    let answer = client.cases.resolve_task(futures::stream::iter(messages)).await?.into_inner();
    match (global.output, &answer.case) {
        (Format::Table, Some(case)) => output::line(view::case(case, SystemClock.now())),
        _ => output::json(&answer),
    }
}

fn outcome(arguments: &Arguments) -> Result<Said, Failure> {
    let Arguments { records, files, erased, anonymised, restricted, retained, .. } = arguments;
    let only_if_done = [records, files, erased, anonymised, restricted, retained];
    if !arguments.done && only_if_done.iter().any(|texts| !texts.is_empty()) {
        // An argument that is required and excluded at once is not missed by clap.
        return Err(Failure::usage("records, files and counts: only with --done"));
    }
    if arguments.nothing_held {
        return Ok(Said::NothingHeld(NothingHeld {}));
    }
    if arguments.waive {
        return Ok(Said::Waived(Waiver {}));
    }
    if let Some(name) = &arguments.refuse {
        return Ok(Said::Refused(Refusal { ground: Some(ground("--refuse", name, &arguments.source)?) }));
    }
    let mut outcome = Outcome::default();
    for (flag, texts, add) in [
        ("--erased", &arguments.erased, (|of, count| of.erased += count) as fn(&mut CategoryOutcome, u64)),
        ("--anonymised", &arguments.anonymised, |of, count| of.anonymised += count),
        ("--restricted", &arguments.restricted, |of, count| of.restricted += count),
    ] {
        for text in texts {
            let (category, count) = counted(flag, text)?;
            add(of_category(&mut outcome, category), number(flag, count)?);
        }
    }
    for text in &arguments.retained {
        let (category, rest) = counted("--retained", text)?;
        let mut parts = rest.splitn(3, '/');
        let count = number("--retained", parts.next().unwrap_or_default())?;
        let ground = ground("--retained", parts.next().unwrap_or_default(), &arguments.source)?;
        let release_time = parts.next().map(|text| time::parse("--retained", text)).transpose()?;
        let retained = Retained { count, ground: Some(ground), release_time };
        of_category(&mut outcome, category).retained.push(retained);
    }
    Ok(Said::Done(outcome))
}

fn of_category<'a>(outcome: &'a mut Outcome, category: &str) -> &'a mut CategoryOutcome {
    let known = outcome.categories.iter().position(|of| of.category == category);
    let position = known.unwrap_or_else(|| {
        outcome.categories.push(CategoryOutcome { category: category.to_owned(), ..Default::default() });
        outcome.categories.len() - 1
    });
    &mut outcome.categories[position]
}

fn counted<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    let parts = text.split_once('=').filter(|(category, _)| !category.is_empty());
    parts.ok_or_else(|| Failure::usage(format!("{flag}: must be CATEGORY=COUNT")))
}

fn number(flag: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::usage(format!("{flag}: must have a count, a whole number")))
}

fn ground(flag: &str, name: &str, source: &str) -> Result<Ground, Failure> {
    let code = GroundCode::from_str_name(&format!("GROUND_CODE_{}", name.to_uppercase()));
    let code = code.filter(|code| *code != GroundCode::Unspecified);
    let code =
        code.ok_or_else(|| Failure::usage(format!("{flag}: must have a ground such as legal_obligation")))?;
    Ok(Ground { code: code.into(), source: source.to_owned(), note: String::new() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn read(flags: &[&str]) -> Result<Said, Failure> {
        let line = Line::try_parse_from([&["resolve", "id"], flags].concat());
        outcome(&line.map_err(|_| Failure::usage("flags"))?.arguments)
    }

    #[test]
    fn counts_are_gathered_by_category() {
        let flags =
            ["--done", "--erased", "a=3", "--retained", "a=1/legal_obligation/2030-01-01", "--erased", "b=2"];
        let Ok(Said::Done(outcome)) = read(&flags) else { panic!("it is done") };
        let counts: Vec<_> = outcome.categories.iter().map(|of| (of.category.as_str(), of.erased)).collect();
        assert_eq!(counts, [("a", 3), ("b", 2)]);
        assert!(outcome.categories[0].retained[0].release_time.is_some());
    }

    #[test]
    fn one_outcome_and_good_grounds_are_asked_for() {
        for bad in [
            &[][..],
            &["--done", "--nothing-held"],
            &["--waive"],
            &["--refuse", "because"],
            &["--nothing-held", "--erased", "a=1"],
            &["--done", "--erased", "a"],
            &["--done", "--retained", "a=1"],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&["--waive", "--note", "gone"]).is_ok() && read(&["--refuse", "legal_claims"]).is_ok());
    }
}
