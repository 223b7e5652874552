//! The services that rightful serves: one file each.
