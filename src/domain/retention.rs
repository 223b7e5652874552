//! The retention policy: from rules of the configuration and what downstreams describe to a directive for each category.
//!
//! The first rule that matches a category counts. What a downstream describes as binding even against an erasure request
//! is a duty that it knows better than anybody: a rule can keep more or longer, never less.

use jiff::Timestamp;

use super::{Action, Ask, Capabilities, Category, Directive, DirectiveSource, Ground, Period, plan::Planned};

/// Two periods are compared as of a day; which one is longer hangs on no day that matters.
const SOME_DAY: Timestamp = Timestamp::constant(946_684_800, 0);

/// Which categories a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// All of them.
    Every,
    /// The one of this name.
    Category(String),
    /// Those with this DPV term.
    Term(String),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// At which downstream; absent means at all.
    pub downstream: Option<String>,
    /// Which categories.
    pub data: Data,
    /// What an erasure asks for.
    pub action: Action,
    /// How long records are kept. Present with `retain`. Without it no sweep looks for records that outlived it.
    pub period: Option<Period>,
    /// Why, with `retain`.
    pub ground: Option<Ground>,
    /// What a sweep asks for with what has outlived the period: to erase, to anonymise or to restrict.
    pub outlived: Action,
}

impl Rule {
    fn matches(&self, downstream: &str, category: &Category) -> bool {
        let data = match &self.data {
            Data::Every => true,
            Data::Category(name) => *name == category.name,
            Data::Term(term) => *term == category.dpv_term,
        };
        data && self.downstream.as_ref().is_none_or(|name| name == downstream)
    }
}

/// The rules in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// See [`Policy`].
    pub rules: Vec<Rule>,
}

impl Policy {
    fn rule(&self, downstream: &str, category: &Category) -> Option<(u32, &Rule)> {
        let mut numbered = (0_u32..).zip(&self.rules);
        numbered.find(|(_, rule)| rule.matches(downstream, category))
    }

    /// What an erasure asks for with a category.
    pub fn directive(&self, downstream: &str, category: &Category) -> Directive {
        let described = Directive::for_category(category);
        let Some((number, rule)) = self.rule(downstream, category) else { return described };
        let configured = Directive {
            category: category.name.clone(),
            action: rule.action,
            ground: rule.ground.clone(),
            period: rule.ground.as_ref().and(rule.period.clone()),
            source: DirectiveSource::Configured { rule: number },
        };
        match (described.action, rule.action) {
            // Nothing is taken away: no duty to keep is broken.
            (_, Action::Restrict) => configured,
            (Action::Retain, Action::Retain) if is_longer(&configured, &described) => configured,
            (Action::Retain, _) => described,
            _ => configured,
        }
    }

    /// What a sweep asks a downstream for: one for each of its categories that a rule gives a period. Where the
    /// downstream's own duty is longer, that period counts.
    pub fn sweep(&self, downstream: &str, capabilities: &Capabilities) -> Vec<Directive> {
        let directive = |category: &Category| {
            let (number, rule) = self.rule(downstream, category)?;
            let mut period = rule.period.clone()?;
            let duty = category.retention.ground.as_ref().and(category.retention.period.clone());
            if let Some(duty) = duty.filter(|duty| duty.after(SOME_DAY) > period.after(SOME_DAY)) {
                period = duty;
            }
            Some(Directive {
                category: category.name.clone(),
                action: rule.outlived,
                ground: None,
                period: Some(period),
                source: DirectiveSource::Configured { rule: number },
            })
        };
        // A duty without an end outlives every period.
        let endless =
            |category: &&Category| category.retention.ground.is_some() && category.retention.period.is_none();
        capabilities.categories.iter().filter(|category| !endless(category)).filter_map(directive).collect()
    }

    /// Puts this policy's directives into the erasures of a plan.
    pub fn direct(&self, planned: &mut [Planned], capabilities: impl Fn(&str) -> Option<Capabilities>) {
        for task in planned {
            let Ask::Erase { directives } = &mut task.ask else { continue };
            let Some(capabilities) = capabilities(&task.downstream) else { continue };
            for directive in directives {
                if let Some(category) = capabilities.category(&directive.category) {
                    *directive = self.directive(&task.downstream, category);
                }
            }
        }
    }
}

/// Whether one retention is longer than another. One without a period has no end.
fn is_longer(one: &Directive, other: &Directive) -> bool {
    let end = |of: &Directive| of.period.as_ref().map_or(Timestamp::MAX, |period| period.after(SOME_DAY));
    end(one) > end(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GroundCode, Retention};

    fn category(duty: Option<&str>) -> Category {
        let ground = Ground { code: GroundCode::LegalObligation, source: "HGB".into(), note: String::new() };
        Category {
            name: "invoices".into(),
            title: String::new(),
            dpv_term: "https://w3id.org/dpv/pd#Invoice".into(),
            purposes: Vec::new(),
            legal_basis: None,
            retention: Retention {
                period: duty.map(|text| Period::new(text).unwrap()),
                runs_from: String::new(),
                ground: duty.map(|_| ground),
            },
            recipients: Vec::new(),
            origin: String::new(),
            json_schema: String::new(),
            provided_by_subject: false,
            may_contain_credentials: false,
            may_contain_third_party_data: false,
        }
    }

    fn rule(action: Action, period: Option<&str>) -> Rule {
        let ground = Ground { code: GroundCode::Contract, source: "ours".into(), note: String::new() };
        Rule {
            downstream: None,
            data: Data::Every,
            action,
            period: period.map(|text| Period::new(text).unwrap()),
            ground: (action == Action::Retain).then_some(ground),
            outlived: if action == Action::Retain { Action::Erase } else { action },
        }
    }

    fn said(rule: Option<Rule>, duty: Option<&str>) -> (Action, Option<String>, DirectiveSource) {
        let policy = Policy { rules: rule.into_iter().collect() };
        let directive = policy.directive("billing", &category(duty));
        let period = directive.period.map(|period| period.as_str().to_owned());
        (directive.action, period, directive.source)
    }

    #[test]
    fn a_duty_to_keep_wins_over_every_rule_that_would_keep_less() {
        use Action::{Anonymise, Erase, Restrict, Retain};
        use DirectiveSource::{Configured, Default, Described};
        let first = Configured { rule: 0 };
        let p = |text: &str| Some(text.to_owned());
        let table = [
            (None, None, (Erase, None, Default)),
            (None, Some("P7Y"), (Retain, p("P7Y"), Described)),
            (Some(rule(Erase, None)), None, (Erase, None, first)),
            (Some(rule(Anonymise, Some("P24M"))), None, (Anonymise, None, first)),
            (Some(rule(Retain, Some("P3Y"))), None, (Retain, p("P3Y"), first)),
            (Some(rule(Restrict, None)), None, (Restrict, None, first)),
            (Some(rule(Erase, None)), Some("P7Y"), (Retain, p("P7Y"), Described)),
            (Some(rule(Anonymise, None)), Some("P7Y"), (Retain, p("P7Y"), Described)),
            (Some(rule(Retain, Some("P3Y"))), Some("P7Y"), (Retain, p("P7Y"), Described)),
            (Some(rule(Retain, Some("P10Y"))), Some("P7Y"), (Retain, p("P10Y"), first)),
            (Some(rule(Restrict, None)), Some("P7Y"), (Restrict, None, first)),
        ];
        for (rule, duty, expected) in table {
            assert_eq!(said(rule.clone(), duty), expected, "{rule:?} × {duty:?}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let named = Rule { downstream: Some("crm".into()), ..rule(Action::Anonymise, None) };
        let term = Rule {
            data: Data::Term("https://w3id.org/dpv/pd#Invoice".into()),
            ..rule(Action::Restrict, None)
        };
        let other = Rule { data: Data::Category("letters".into()), ..rule(Action::Retain, Some("P1Y")) };
        let policy = Policy { rules: vec![other, named, term, rule(Action::Erase, None)] };
        assert_eq!(policy.directive("crm", &category(None)).action, Action::Anonymise);
        let found = policy.directive("billing", &category(None));
        assert_eq!((found.action, found.source), (Action::Restrict, DirectiveSource::Configured { rule: 2 }));
    }

    #[test]
    fn a_sweep_waits_for_the_longer_of_rule_and_duty() {
        let of = |duty: Option<&str>, rules: Vec<Rule>| {
            let capabilities = Capabilities { categories: vec![category(duty)], ..Capabilities::default() };
            let directives = Policy { rules }.sweep("billing", &capabilities);
            directives
                .into_iter()
                .map(|d| (d.action, d.period.unwrap().as_str().to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(None, vec![rule(Action::Anonymise, Some("P24M"))]),
            [(Action::Anonymise, "P24M".into())]
        );
        assert_eq!(of(Some("P7Y"), vec![rule(Action::Erase, Some("P3Y"))]), [(Action::Erase, "P7Y".into())]);
        assert_eq!(of(None, vec![rule(Action::Retain, Some("P5Y"))]), [(Action::Erase, "P5Y".into())]);
        assert!(of(None, vec![rule(Action::Erase, None)]).is_empty(), "without a period nothing outlives it");
        assert!(of(Some("P7Y"), Vec::new()).is_empty(), "without a rule nothing is asked");
    }
}
