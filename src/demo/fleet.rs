//! The three sample services together, with people that are known to all of them.

use std::{fs, path::Path};

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::{Error, Server, analytics, billing, marketing, people, people::Person, traces};

/// Billing, marketing and analytics, running on loopback sockets.
pub struct Fleet {
    people: Vec<Person>,
    services: [Server; 3],
}

impl Fleet {
    /// Fills `billing.sqlite`, `marketing.sqlite` and `analytics.sqlite` in `dir` with `people` people (at least
    /// one) unless they are there already, and serves them on free ports of 127.0.0.1.
    ///
    /// `now` is where the generated histories end and what retention periods are measured against.
    /// [`Error::OtherPeople`] if the files were filled from another seed or with another number of people.
    pub async fn start(dir: &Path, people: usize, seed: u64, now: Timestamp) -> Result<Self, Error> {
        fs::create_dir_all(dir)?;
        let people = people::generate(seed, people.max(1), now);
        let file = |name: &str| dir.join(name).with_extension("sqlite");
        let (billing, marketing, analytics) = (file("billing"), file("marketing"), file("analytics"));
        // Boxed: together they would be a future of twenty kilobytes on the caller's stack.
        tokio::try_join!(
            Box::pin(billing::fill(&billing, &people, now)),
            Box::pin(marketing::fill(&marketing, &people, now)),
            Box::pin(analytics::fill(&analytics, &people, now)),
        )?;
        let services = [
            Box::pin(billing::serve(loopback().await?, &billing, now)).await?,
            Box::pin(marketing::serve(loopback().await?, &marketing, now)).await?,
            Box::pin(analytics::serve(loopback().await?, &analytics, now)).await?,
        ];
        Ok(Self { people, services })
    }

    /// The services' names and addresses: `("billing", "http://127.0.0.1:50061")`.
    pub fn endpoints(&self) -> [(&'static str, String); 3] {
        self.services.each_ref().map(|service| (service.name(), service.endpoint()))
    }

    /// Everybody, the star first.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The person with the richest history: in all three services, with invoices old and new. The same for a seed.
    pub fn star(&self) -> &Person {
        &self.people[0]
    }

    /// What is left of a person: for each service and table (empty ones included) the number of rows that carry any
    /// of the person's identifiers in any column.
    pub async fn count_of(&self, person: &Person) -> Result<Vec<(&'static str, String, u64)>, Error> {
        let mut counts = Vec::new();
        for service in &self.services {
            for (table, rows) in traces::of(service.db(), person).await? {
                counts.push((service.name(), table, rows));
            }
        }
        Ok(counts)
    }

    /// Stops all three in order: open calls and begun erasures end first.
    pub async fn stop(self) -> Result<(), Error> {
        let [billing, marketing, analytics] = self.services;
        tokio::try_join!(billing.stop(), marketing.stop(), analytics.stop())?;
        Ok(())
    }
}

async fn loopback() -> Result<TcpListener, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?)
}
