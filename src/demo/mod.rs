//! The three sample downstreams and the run that shows rightful at work.
