//! The tables: the only home of sea-orm.
