//! The schema, step by step. Steps expand first and contract a release later, so that two versions can run at once.

use sea_orm_migration::prelude::*;

mod m0001_cases;
mod m0002_lanes;
mod m0003_proceedings;
mod m0004_holds;
mod m0005_notices;
mod m0006_sweeps;
mod m0007_denials;
mod m0008_key_checks;
mod m0010_attention;

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_cases::Migration),
            Box::new(m0002_lanes::Migration),
            Box::new(m0003_proceedings::Migration),
            Box::new(m0004_holds::Migration),
            Box::new(m0005_notices::Migration),
            Box::new(m0006_sweeps::Migration),
            Box::new(m0010_attention::Migration),
            Box::new(m0007_denials::Migration),
            Box::new(m0008_key_checks::Migration),
        ]
    }
}
