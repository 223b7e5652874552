//! Deadlines: how many cases are due.

use jiff::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};

use super::{Error, Store, entity::case};
use crate::domain::CaseState;

impl Store {
    /// How many cases that are not final are due before this time.
    pub async fn count_due(&self, before: Timestamp) -> Result<u64, Error> {
        let open = CaseState::open();
        let query = case::Entity::find()
            .filter(case::Column::State.is_in(open.iter().map(|state| state.as_str())))
            .filter(case::Column::DueAt.lt(before.as_microsecond()));
        Ok(query.count(&self.reader).await?)
    }
}
