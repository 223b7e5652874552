//! The dashboard and the alerts of the chart: a panel for each declared metric, and no alert on one that is not declared.

use std::{collections::BTreeSet, fs};

use rightful::telemetry::declared::{self, Declared, Kind};
use serde_json::{Value, json};

use crate::{printed, report, source};

/// Where Grafana's sidecar takes it from.
const DASHBOARD: &str = "helm/rightful/dashboards/rightful.json";
const ALERTS: &str = "helm/rightful/alerts";
/// Columns of Grafana's grid, and what a panel takes of it.
const COLUMNS: usize = 24;
const PANEL: (usize, usize) = (8, 7);

/// Rows, and what the names of their metrics begin with. What fits nowhere is a fault.
const ROWS: [(&str, &[&str]); 6] = [
    ("Cases", &["rightful.cases", "rightful.deadlines"]),
    ("Calls", &["rpc.server", "rightful.calls", "rightful.connections", "rightful.served"]),
    (
        "Downstreams",
        &["rpc.client", "rightful.task", "rightful.downstream", "rightful.collected", "rightful.leases"],
    ),
    ("Notices", &["rightful.notices"]),
    ("Database and storage", &["rightful.store", "db.", "rightful.storage", "rightful.outage"]),
    ("Keys, certificates, callers", &["rightful.tls", "rightful.keys", "rightful.auth"]),
];

/// What a panel shows: every replica counts the same gauges, so of those the largest is taken.
fn expression(metric: &Declared) -> String {
    let name = metric.prometheus();
    let labels: Vec<String> = metric
        .labels
        .iter()
        .filter(|label| !label.contains(".name"))
        .map(|label| label.replace('.', "_"))
        .collect();
    let by = |more: &str| {
        let all: Vec<&str> =
            labels.iter().map(String::as_str).chain([more]).filter(|l| !l.is_empty()).collect();
        if all.is_empty() { String::new() } else { format!(" by ({})", all.join(", ")) }
    };
    match metric.kind {
        Kind::Counter => format!("sum{}(rate({name}[$__rate_interval]))", by("")),
        Kind::Gauge => format!("max{}({name})", by("")),
        Kind::Histogram => {
            format!("histogram_quantile(0.99, sum{}(rate({name}_bucket[$__rate_interval])))", by("le"))
        }
    }
}

fn panel(metric: &Declared, id: usize, (x, y): (usize, usize)) -> Value {
    let unit = match (metric.unit, metric.kind) {
        ("s", _) => "s",
        ("By", Kind::Counter) => "Bps",
        ("By", _) => "bytes",
        (_, Kind::Counter) => "ops",
        _ => "short",
    };
    let title = if metric.kind == Kind::Histogram {
        format!("{} (p99)", metric.name)
    } else {
        metric.name.to_owned()
    };
    json!({
        "id": id,
        "type": "timeseries",
        "title": title,
        "description": metric.meaning,
        "datasource": { "type": "prometheus", "uid": "${datasource}" },
        "gridPos": { "h": PANEL.1, "w": PANEL.0, "x": x, "y": y },
        "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
        "options": { "legend": { "displayMode": "list", "placement": "bottom" } },
        "targets": [{ "refId": "A", "expr": expression(metric), "exemplar": metric.kind == Kind::Histogram }],
    })
}

fn dashboard(faults: &mut Vec<String>) -> Value {
    let belongs =
        |metric: &Declared, starts: &[&str]| starts.iter().any(|start| metric.name.starts_with(start));
    for metric in declared::ALL {
        let rows = ROWS.iter().filter(|(_, starts)| belongs(metric, starts)).count();
        if rows != 1 {
            faults.push(format!("{} belongs to {rows} rows of the dashboard", metric.name));
        }
    }
    let (mut panels, mut y) = (Vec::new(), 0);
    for (title, starts) in ROWS {
        let row = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": y });
        panels.push(json!({ "id": panels.len() + 1, "type": "row", "title": title, "gridPos": row }));
        y += 1;
        let in_row = declared::ALL.iter().filter(|metric| belongs(metric, starts));
        let mut x = 0;
        for metric in in_row {
            if x + PANEL.0 > COLUMNS {
                (x, y) = (0, y + PANEL.1);
            }
            panels.push(panel(metric, panels.len() + 1, (x, y)));
            x += PANEL.0;
        }
        y += PANEL.1;
    }
    json!({
        "title": "rightful",
        "uid": "rightful",
        "tags": ["rightful"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "1m",
        "time": { "from": "now-6h", "to": "now" },
        "templating": { "list": [{ "name": "datasource", "type": "datasource", "query": "prometheus" }] },
        "panels": panels,
    })
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let mut faults = Vec::new();
    let made = serde_json::to_string_pretty(&dashboard(&mut faults)).expect("it is JSON") + "\n";
    report(&faults);
    printed::compare(DASHBOARD, &made);
}

#[test]
fn alerts_are_on_metrics_that_are_declared() {
    let mut known = BTreeSet::new();
    for metric in declared::ALL {
        let name = metric.prometheus();
        if metric.kind == Kind::Histogram {
            known.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
        } else {
            known.insert(name);
        }
    }
    let mut faults = Vec::new();
    let (mut alerts, mut named) = (0, 0);
    for entry in fs::read_dir(source::top().join(ALERTS)).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        alerts += 1;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in text.split(|c| !is_name(c)) {
            if ["rightful_", "rpc_server_", "rpc_client_", "db_client_"]
                .iter()
                .any(|start| word.starts_with(start))
            {
                named += 1;
                if !known.contains(word) {
                    faults.push(format!("{}: {word} is not declared", path.display()));
                }
            }
        }
    }
    assert!(alerts >= 15 && named >= alerts, "{alerts} alerts, {named} metrics");
    report(&faults);
}
