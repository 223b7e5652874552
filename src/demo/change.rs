//! What a service does when it is asked to change something: at once or in the background, once for each `task_id`.

use jiff::Timestamp;
use sea_orm::{DatabaseTransaction, TransactionTrait as _};
use tonic::Status;

use super::{
    background, database, directive,
    directive::Order,
    holding::Holding,
    rectify::Fix,
    service::{Service, Source, fault, owners, unexpected},
    task,
    work::Work,
};
use crate::proto::downstream::v1::{
    CategoryOutcome, EraseRequest, ObjectRequest, Outcome, RectifyRequest, RestrictRequest, Use,
    WithdrawConsentRequest, get_task_response::Answer,
};

impl<S: Source> Service<S> {
    /// Answers a changing call.
    pub(super) async fn change(&self, work: Work) -> Result<Answer, Status> {
        if work.dry_run() && !S::describe().supports_dry_run {
            return Err(Status::failed_precondition("this service has no dry run"));
        }
        if S::IN_BACKGROUND { self.later(&work).await } else { self.now(&work).await }
    }

    /// Does it (or tries to) before it answers.
    async fn now(&self, work: &Work) -> Result<Answer, Status> {
        let tx = database::begin(self.db()).await.map_err(fault)?;
        if let Some(known) = task::recall(&tx, work.task_id()).await.map_err(fault)? {
            return repeated(&known, work);
        }
        // A dry run is the real thing, rolled back: what it answers is what would have become.
        let trial = tx.begin().await.map_err(unexpected)?;
        let answer = self.carry_out(&trial, work).await?;
        if work.dry_run() { trial.rollback().await } else { trial.commit().await }.map_err(unexpected)?;
        task::answered(&tx, work, &answer, self.time()).await.map_err(fault)?;
        tx.commit().await.map_err(unexpected)?;
        Ok(answer)
    }

    /// Writes down what is to be done, and answers that it will be.
    async fn later(&self, work: &Work) -> Result<Answer, Status> {
        self.check(work)?;
        let tx = database::begin(self.db()).await.map_err(fault)?;
        if let Some(known) = task::recall(&tx, work.task_id()).await.map_err(fault)? {
            return repeated(&known, work);
        }
        task::accepted(&tx, work, self.time()).await.map_err(fault)?;
        tx.commit().await.map_err(unexpected)?;
        self.wake();
        Ok(Answer::Working(background::working()))
    }

    /// `INVALID_ARGUMENT` if it cannot be understood.
    fn check(&self, work: &Work) -> Result<(), Status> {
        match work {
            Work::Erase(request) => directive::read(&request.directives, self.holdings()).map(drop),
            Work::Rectify(request) => self.fixes(request).map(drop),
            Work::Restrict(request) => self.named(&request.categories).map(drop),
            Work::Object(request) => self.named(&request.categories).map(drop),
            Work::WithdrawConsent(request) => {
                self.named(request.categories.iter().map(|of| &of.category)).map(drop)
            }
        }
    }

    /// Does what is asked for, in one transaction. `INVALID_ARGUMENT` if it cannot be understood.
    pub(super) async fn carry_out(&self, tx: &DatabaseTransaction, work: &Work) -> Result<Answer, Status> {
        self.check(work)?;
        let theirs = Theirs { tx, owners: owners::<S, _>(tx, work.subject()).await?, now: self.time() };
        let categories = match work {
            Work::Erase(request) => self.erase(&theirs, request).await,
            Work::Rectify(request) => self.rectify(&theirs, request).await,
            Work::Restrict(request) => self.restrict(&theirs, request).await,
            Work::Object(request) => self.object(&theirs, request).await,
            Work::WithdrawConsent(request) => self.withdraw(&theirs, request).await,
        }?;
        Ok(Answer::Outcome(Outcome { categories }))
    }

    async fn erase(&self, of: &Theirs<'_>, request: &EraseRequest) -> Result<Vec<CategoryOutcome>, Status> {
        let mut outcomes = Vec::new();
        for Order { holding, disposal } in directive::read(&request.directives, self.holdings())? {
            let disposed = holding.dispose(of.tx, &of.owners, &disposal, of.now).await;
            outcomes.push(told::<S>(holding, disposed.map_err(fault)?));
        }
        Ok(outcomes)
    }

    async fn rectify(
        &self,
        of: &Theirs<'_>,
        request: &RectifyRequest,
    ) -> Result<Vec<CategoryOutcome>, Status> {
        let fixes = self.fixes(request)?;
        let mut outcomes = Vec::new();
        for holding in self.holdings() {
            let own: Vec<&Fix> =
                fixes.iter().filter(|fix| fix.category() == holding.category().name).collect();
            if !own.is_empty() {
                let rectified = holding.rectify(of.tx, &of.owners, &own).await.map_err(fault)?;
                outcomes.push(told::<S>(holding.as_ref(), rectified));
            }
        }
        Ok(outcomes)
    }

    async fn restrict(
        &self,
        of: &Theirs<'_>,
        request: &RestrictRequest,
    ) -> Result<Vec<CategoryOutcome>, Status> {
        let mut outcomes = Vec::new();
        for holding in self.named(&request.categories)? {
            let outcome = if request.lift {
                let unrestricted = holding.unrestrict(of.tx, &of.owners).await.map_err(fault)?;
                CategoryOutcome { unrestricted, ..Default::default() }
            } else {
                let disposed = holding.dispose(of.tx, &of.owners, &directive::Disposal::Restrict, of.now);
                disposed.await.map_err(fault)?
            };
            outcomes.push(told::<S>(holding, outcome));
        }
        Ok(outcomes)
    }

    /// Only what is used so has anything to stop.
    async fn object(&self, of: &Theirs<'_>, request: &ObjectRequest) -> Result<Vec<CategoryOutcome>, Status> {
        let mut outcomes = Vec::new();
        for holding in self.named(&request.categories)? {
            let used: Vec<Use> = request.uses().filter(|each| holding.uses().contains(each)).collect();
            let what: Vec<String> =
                used.iter().map(|each| format!("use: {}", each.as_str_name().to_lowercase())).collect();
            outcomes.push(stopped(of, holding, &what).await?);
        }
        Ok(outcomes)
    }

    async fn withdraw(
        &self,
        of: &Theirs<'_>,
        request: &WithdrawConsentRequest,
    ) -> Result<Vec<CategoryOutcome>, Status> {
        let mut outcomes = Vec::new();
        for asked in &request.categories {
            for holding in self.named([&asked.category])? {
                let known = |purpose: &&String| holding.category().purposes.contains(purpose);
                let purposes: Vec<String> = asked.purposes.iter().filter(known).cloned().collect();
                let what: Vec<String> =
                    purposes.iter().map(|purpose| format!("consent: {purpose}")).collect();
                let outcome = stopped(of, holding, &what).await?;
                let stopped_purposes = if outcome.stopped > 0 { purposes } else { Vec::new() };
                outcomes.push(CategoryOutcome { stopped_purposes, ..outcome });
            }
        }
        Ok(outcomes)
    }

    fn fixes(&self, request: &RectifyRequest) -> Result<Vec<Fix>, Status> {
        self.named(request.corrections.iter().map(|correction| &correction.category))?;
        request.corrections.iter().map(Fix::read).collect()
    }

    /// The holdings of these names. `INVALID_ARGUMENT` if there is no such one.
    fn named<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Result<Vec<&dyn Holding>, Status> {
        let unknown = || Status::invalid_argument("an unknown category is named");
        let find = |name: &String| {
            let found = self.holdings().iter().find(|holding| holding.category().name == *name);
            found.map(AsRef::as_ref).ok_or_else(unknown)
        };
        names.into_iter().map(find).collect()
    }
}

/// Whose rows, in which transaction.
struct Theirs<'a> {
    tx: &'a DatabaseTransaction,
    owners: Vec<String>,
    now: Timestamp,
}

/// Stops uses of a category; what rests on nothing else is counted.
async fn stopped(of: &Theirs<'_>, holding: &dyn Holding, what: &[String]) -> Result<CategoryOutcome, Status> {
    let category = holding.category().name.clone();
    if what.is_empty() {
        return Ok(CategoryOutcome { category, ..Default::default() });
    }
    let stopped = holding.stop(of.tx, &of.owners, what, of.now).await.map_err(fault)?;
    Ok(CategoryOutcome { category, stopped, ..Default::default() })
}

/// Names the category, and whom the service tells of its change (GDPR 19).
fn told<S: Source>(holding: &dyn Holding, mut outcome: CategoryOutcome) -> CategoryOutcome {
    let category = holding.category();
    outcome.category.clone_from(&category.name);
    let changes =
        [outcome.erased, outcome.anonymised, outcome.restricted, outcome.rectified, outcome.unrestricted];
    if S::TELLS_RECIPIENTS && changes.iter().any(|count| *count > 0) {
        outcome.told = category.recipients.iter().map(|recipient| recipient.name.clone()).collect();
    }
    outcome
}

/// The answer to a task that is known already.
fn repeated(known: &task::Model, work: &Work) -> Result<Answer, Status> {
    if known.dry_run != work.dry_run() {
        return Err(Status::invalid_argument("a dry run and a change need task ids of their own"));
    }
    if known.rpc != work.rpc() {
        return Err(Status::invalid_argument("two different calls need task ids of their own"));
    }
    Ok(known.state())
}
