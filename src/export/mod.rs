//! Personal data at rest: parts, the bag, and its view as a ZIP.
